/** Cards that a step can be modelled for, by their makers' figures, and what WebGPU tells of such an adapter. */
import type { Limits } from "../../src/gpu/adapter.ts";
import type { MatrixUnit } from "../../src/gpu/matrix_units.ts";
import type { AdapterLike } from "./record_step.ts";
import type { Card } from "./roofline.ts";

interface KnownCard extends Card {
  /** Bytes of memory that a workgroup may have, in the drivers for this card. */
  readonly workgroupStorage: number;
  /** The least subgroup that they choose. */
  readonly subgroup: number;
}

/** Those that issue two multiply-adds at once reach twice this where their compilers find pairs. */
export const CARDS: Readonly<Record<string, KnownCard>> = {
  h100: {
    name: "NVIDIA H100 SXM",
    teraflops: 67,
    gigabytes: 3350,
    multiprocessors: 132,
    workgroupStorage: 49152,
    subgroup: 32,
  },
  rtx4090: {
    name: "NVIDIA RTX 4090",
    teraflops: 82.6,
    gigabytes: 1008,
    multiprocessors: 128,
    workgroupStorage: 49152,
    subgroup: 32,
  },
  rx7900xtx: {
    name: "AMD RX 7900 XTX",
    teraflops: 30.7,
    gigabytes: 960,
    multiprocessors: 96,
    workgroupStorage: 65536,
    subgroup: 32,
  },
  m1: {
    name: "Apple M1",
    teraflops: 2.6,
    gigabytes: 68,
    multiprocessors: 8,
    workgroupStorage: 32768,
    subgroup: 32,
  },
};

/** What Mesa's drivers for GPUs of the desktop say, but for the workgroup's memory; nothing here depends on more. */
const LIMITS: Limits = {
  maxBufferSize: 2 ** 31,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
  maxUniformBufferBindingSize: 65536,
  maxStorageBuffersPerShaderStage: 64,
  maxTextureDimension2D: 16384,
  maxComputeWorkgroupStorageSize: 49152,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
  maxComputeWorkgroupSizeZ: 64,
  minUniformBufferOffsetAlignment: 64,
  minStorageBufferOffsetAlignment: 32,
};

/** An adapter that has of a workgroup's limits what WebGPU promises everywhere, and of buffers' what a step needs. */
export const LEAST_ADAPTER: AdapterLike = {
  name: "WebGPU's default limits",
  adapterClass: "gpu",
  limits: {
    ...LIMITS,
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupSizeY: 256,
  },
  subgroup: 0,
  matrixUnits: [],
};

/** Those that drivers list for f16 with sums of f32: of AMD and NVIDIA, of NVIDIA, of Mesa's software and others. */
export const MATRIX_UNITS: readonly MatrixUnit[] = [
  { m: 16, n: 16, k: 16, subgroup: 32 },
  { m: 16, n: 8, k: 16, subgroup: 32 },
  { m: 8, n: 8, k: 8, subgroup: 8 },
];

export function adapterOf(
  { name, workgroupStorage, subgroup }: KnownCard,
  matrixUnits: readonly MatrixUnit[] = [],
): AdapterLike {
  return {
    name,
    adapterClass: "gpu",
    limits: { ...LIMITS, maxComputeWorkgroupStorageSize: workgroupStorage },
    subgroup,
    matrixUnits,
  };
}
