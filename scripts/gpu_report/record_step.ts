/** A training step that computes nothing: every kernel that it would compile, as WGSL, and every dispatch. */
import { backendOf } from "../../src/gpu/backend.ts";
import type { AdapterClass, Limits } from "../../src/gpu/adapter.ts";
import { type Dispatch, gridOf } from "../../src/gpu/dispatch.ts";
import { DryRunGpu } from "../../src/gpu/dry_run_gpu.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import type { Constants } from "../../src/gpu/kernel.ts";
import type { MatrixUnit } from "../../src/gpu/matrix_units.ts";
import { type Pipeline, Pipelines } from "../../src/gpu/pipelines.ts";
import { bytesOf } from "../../src/gpu/profiler.ts";
import { packsProducts } from "../../src/ops/gemm_plan.ts";
import { type StepSize, unisStep } from "../bench/unis_step.ts";

/** "packed" is f16 with products added up in f16 within a slice: see `training.f16_products`. */
export const PRECISIONS = ["f32", "f16", "packed"] as const;
export type Precision = (typeof PRECISIONS)[number];

/** What a step must know of an adapter to choose its kernels. */
export interface AdapterLike {
  readonly name: string;
  readonly adapterClass: AdapterClass;
  readonly limits: Limits;
  readonly subgroup: number;
  readonly matrixUnits: readonly MatrixUnit[];
}

/** A kernel as `Pipelines` would have it compiled. */
export interface RecordedKernel {
  readonly id: number;
  /** `kernel.entry` */
  readonly label: string;
  readonly entry: string;
  readonly constants: Constants;
  readonly code: string;
  readonly layout: readonly GPUBindGroupLayoutEntry[];
  readonly workgroupSize: number | undefined;
}

export interface RecordedDispatch {
  readonly kernel: number;
  readonly grid: readonly [number, number, number];
  /** Additions and multiplications; 0 where the op does not tell them. */
  readonly operations: number;
  readonly bytes: number;
  readonly shape: string;
}

export interface RecordedStep {
  readonly kernels: readonly RecordedKernel[];
  /** In their order, of a step after the first. */
  readonly dispatches: readonly RecordedDispatch[];
}

/** A device that makes nothing: whatever it is asked for is the description of it. */
const DESCRIBING = {
  features: new Set(),
  createBindGroupLayout: (descriptor: GPUBindGroupLayoutDescriptor) => descriptor,
  createPipelineLayout: (descriptor: GPUPipelineLayoutDescriptor) => descriptor,
  createShaderModule: (descriptor: GPUShaderModuleDescriptor) => descriptor,
  createComputePipeline: (descriptor: GPUComputePipelineDescriptor) => descriptor,
} as unknown as GPUDevice;

class RecordingGpu extends DryRunGpu {
  readonly kernels: RecordedKernel[] = [];
  readonly dispatched: RecordedDispatch[] = [];
  readonly #pipelines: Pipelines;

  constructor(like: Gpu) {
    super(like);
    this.#pipelines = new Pipelines(DESCRIBING, backendOf(navigator.gpu), like.subgroup);
  }

  override dispatch(dispatch: Dispatch): void {
    super.dispatch(dispatch);
    const { kernel, entry, buffers, constants = {}, work } = dispatch;
    const pipeline = this.#pipelines.get(kernel, entry, constants, false);
    const { operations = 0, bytes = bytesOf(buffers), shape = "" } = work?.() ?? {};
    this.kernels[pipeline.id] ??= recorded(pipeline, entry, constants);
    this.dispatched.push({ kernel: pipeline.id, grid: gridOf(dispatch, pipeline), operations, bytes, shape });
  }
}

function recorded(
  { id, label, handle, layout, workgroupSize }: Pipeline,
  entry: string,
  constants: Constants,
): RecordedKernel {
  const { compute } = handle as unknown as GPUComputePipelineDescriptor;
  const { code } = compute.module as unknown as GPUShaderModuleDescriptor;
  const { entries } = layout as unknown as GPUBindGroupLayoutDescriptor;
  return { id, label, entry, constants, code, layout: [...entries], workgroupSize };
}

/** A kernel for people to read: its label, and the sizes of its largest dispatch where the op tells them. */
export function nameOf({ id, label }: RecordedKernel, { dispatches }: RecordedStep): string {
  const largest = dispatches
    .filter(({ kernel }) => kernel === id)
    .reduce((best, one) => one.operations > best.operations ? one : best, { operations: 0, shape: "" });
  return [label, largest.shape].filter(Boolean).join(" ");
}

/** What all its dispatches in a step count of operations. */
export function operationsOf({ id }: RecordedKernel, { dispatches }: RecordedStep): number {
  return dispatches.reduce((sum, { kernel, operations }) => kernel === id ? sum + operations : sum, 0);
}

/** The kernels and dispatches of a step of this size as an adapter like this one would run them. */
export function recordStep(like: AdapterLike, size: StepSize, precision: Precision): RecordedStep {
  const gpu = new RecordingGpu({
    ...like,
    identity: like.name,
    slots: new Map(),
    features: new Set(["shader-f16", "timestamp-query"]),
    fitsTexture: () => false,
  } as unknown as Gpu);
  packsProducts.set(gpu.gpu, precision === "packed");
  const step = unisStep(gpu.gpu, size, precision === "f32" ? "f32" : "f16", false);
  step.run(); // the first step also makes what later ones find
  gpu.dispatched.length = 0;
  step.run();
  const dispatches = [...gpu.dispatched];
  step.dispose();
  return { kernels: gpu.kernels, dispatches };
}
