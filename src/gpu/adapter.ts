/** Finding and opening a WebGPU adapter. */
import { type Backend, backendOf } from "./backend.ts";
import { findMatrixUnits, matrixFeatures, type MatrixUnit } from "./matrix_units.ts";
import type { Wanted } from "./probe.ts";
import { isOneSubgroup, lanesInOrder } from "./subgroups.ts";

/** Which adapter to open: a GPU, the processor (a software adapter), or a GPU where there is one. */
export type DeviceKind = "auto" | "gpu" | "cpu";

/** No usable adapter; the message says what to install or try. */
export class AdapterError extends Error {
  override name = "AdapterError";
}

/** `software` adapters run kernels on the processor: few wide lanes, slow workgroup memory. */
export type AdapterClass = "gpu" | "software";

export interface OpenAdapter {
  readonly device: GPUDevice;
  readonly webgpu: GPU;
  readonly backend: Backend;
  readonly name: string;
  /** Everything that WebGPU tells about the adapter and its driver. */
  readonly identity: string;
  readonly adapterClass: AdapterClass;
  readonly limits: Limits;
  /** Lanes that were seen to compute as one subgroup, counted in a workgroup from a multiple of their number; 0 where none were. */
  readonly subgroup: number;
  /** From the largest; empty where there are none. */
  readonly matrixUnits: readonly MatrixUnit[];
}

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxUniformBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxTextureDimension2D",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "minUniformBufferOffsetAlignment",
  "minStorageBufferOffsetAlignment",
] as const;

export type Limits = Readonly<Record<(typeof LIMITS)[number], number>>;

/**
 * The limits of the specification, which every adapter can keep: kernels and plans have to do with them, and may use more
 * where there is more.
 */
export const DEFAULT_LIMITS: Limits = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxUniformBufferBindingSize: 2 ** 16,
  maxStorageBuffersPerShaderStage: 8,
  maxTextureDimension2D: 8192,
  maxComputeWorkgroupStorageSize: 2 ** 14,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  minUniformBufferOffsetAlignment: 256,
  minStorageBufferOffsetAlignment: 256,
};

/** What WebGPU tells of an adapter, before a device of it is opened. */
export interface AdapterDescription {
  readonly name: string;
  /** All that WebGPU tells of the adapter and its driver. */
  readonly identity: string;
  readonly isSoftware: boolean;
  readonly vendor: string;
  readonly features: readonly string[];
  readonly limits: Limits;
}

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|software|basic render/i;

/** By the number that Vulkan and PCI have for them, which is what Deno calls an adapter's vendor; Dawn has small letters. */
const VENDORS: Readonly<Record<number, string>> = {
  0x1002: "AMD",
  0x106b: "Apple",
  0x10de: "NVIDIA",
  0x13b5: "ARM",
  0x1414: "Microsoft",
  0x1ae0: "Google",
  0x5143: "Qualcomm",
  0x8086: "Intel",
  0x10005: "Mesa",
};

const FEATURES: readonly GPUFeatureName[] = ["shader-f16", "timestamp-query"];

/** Lanes that a software adapter runs in one instruction: eight f32 fill a register of today's processors. */
export const SOFTWARE_LANES = 8;

/** Other WebGPU, and ways to try what another device would do. */
export interface OpenOptions {
  /** The implementation of WebGPU, such as Dawn's (see `DAWN_FLAGS`); `navigator.gpu` if not given. */
  readonly webgpu?: GPU;
  /** Limits lower than the adapter's. The device enforces them down to `DEFAULT_LIMITS`, below which WebGPU does not go. */
  readonly limits?: Partial<Limits>;
  /** Use the kernels and plans of this class, whatever the adapter is. */
  readonly adapterClass?: AdapterClass;
  /** "tested" if not given. "listed" is for drivers that compute nothing. */
  readonly subgroups?: Wanted;
  readonly matrixUnits?: Wanted;
}

/**
 * Opens an adapter with every limit it offers. `gpu` refuses a software adapter, `cpu` asks for one.
 * @throws AdapterError when there is none of the kind
 */
export async function openAdapter(
  kind: DeviceKind,
  options: OpenOptions = {},
): Promise<OpenAdapter> {
  const webgpu = options.webgpu ?? navigator.gpu;
  const adapter = await requestAdapter(kind === "cpu" ? "fallback" : "high-performance", webgpu);
  const backend = backendOf(webgpu);
  if (!adapter) throw new AdapterError(backend.noAdapter);
  const { name, identity, isSoftware: software } = describeAdapter(adapter, backend);
  if (kind === "gpu" && software) {
    throw new AdapterError(
      `No GPU found, only the software adapter "${name}". Install the GPU's Vulkan driver, or use --device cpu`,
    );
  }
  if (kind === "cpu" && !software) {
    throw new AdapterError(
      `No software adapter found, only "${name}". Install one (apt-get install mesa-vulkan-drivers), or use --device gpu`,
    );
  }
  const requestDevice = (...more: readonly GPUFeatureName[]) =>
    adapter.requestDevice({
      label: name,
      requiredFeatures: [...FEATURES.filter((feature) => adapter.features.has(feature)), ...more],
      requiredLimits: { ...requiredLimits(adapter.limits, options.limits) },
    });
  const adapterClass = options.adapterClass ?? (software ? "software" : "gpu");
  const { subgroups = "tested", matrixUnits = "tested" } = options;
  const ofMatrices = adapterClass === "gpu" && matrixUnits !== "none" ? matrixFeatures(adapter) : [];
  const triesSubgroups = subgroups !== "none" &&
    (!backend.listsSubgroups || adapter.features.has("subgroups"));
  const device =
    await (triesSubgroups
      ? requestDevice("subgroups", ...ofMatrices).catch(() => requestDevice(...ofMatrices))
      : requestDevice(...ofMatrices));
  const findSubgroup = async () => {
    if (!triesSubgroups) return 0;
    if (adapterClass === "gpu") return await lanesInOrder(device, adapter.info, backend, subgroups);
    return await isOneSubgroup(device, SOFTWARE_LANES, backend) ? SOFTWARE_LANES : 0;
  };
  return {
    device,
    webgpu,
    backend,
    name,
    identity,
    adapterClass,
    limits: allLimits(device.limits, options.limits),
    subgroup: await findSubgroup(),
    matrixUnits: await findMatrixUnits(device, adapter, backend, matrixUnits),
  };
}

/** A way to ask for an adapter. */
export type AdapterRequest = (typeof ADAPTER_REQUESTS)[number];
/** All ways to ask, from the one that is preferred. */
export const ADAPTER_REQUESTS = ["high-performance", "low-power", "fallback"] as const;

/** The adapter that a request gives; null where there is none. */
export async function requestAdapter(
  request: AdapterRequest,
  webgpu: GPU | undefined,
): Promise<GPUAdapter | null> {
  return await webgpu?.requestAdapter({
    powerPreference: request === "low-power" ? "low-power" : "high-performance",
    forceFallbackAdapter: request === "fallback",
  }) ?? null;
}

/**
 * Has this thread hold on to the drivers, so that they stay loaded when workers that compute end. Else a thread may unload them
 * while the program ends, which then calls what they left to be done: "double free or corruption", or a segmentation fault.
 */
export async function holdDrivers(): Promise<void> {
  await requestAdapter("high-performance", navigator.gpu);
}

export function describeAdapter(adapter: GPUAdapter, { suffix }: Backend): AdapterDescription {
  const { description, vendor, architecture, device, isFallbackAdapter } = adapter.info;
  const called = description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
  const name = called + suffix;
  return {
    name,
    identity: [vendor, architecture, device, description].join(" | "),
    isSoftware: isFallbackAdapter || SOFTWARE.test(name),
    vendor: vendorOf(vendor, name),
    features: [...adapter.features].sort(),
    limits: allLimits(adapter.limits),
  };
}

function vendorOf(vendor: string, name: string): string {
  const spelt = Object.values(VENDORS).find((known) => known.toLowerCase() === vendor.toLowerCase());
  return VENDORS[Number(vendor)] ?? spelt ?? (/^apple /i.test(name) ? "Apple" : vendor);
}

/** The limits of an adapter or a device, or lower ones where those are given. */
function allLimits(offered: GPUSupportedLimits | Limits, lowered: Partial<Limits> = {}): Limits {
  return limitsBy((name) => lower(name, offered[name], lowered[name] ?? offered[name]));
}

/** The limits to ask for: without asking, a device has the default ones, whatever the adapter could do. */
function requiredLimits(offered: GPUSupportedLimits, lowered: Partial<Limits> = {}): Limits {
  return limitsBy((name) => {
    const wanted = lowered[name] ?? offered[name];
    const higher = lower(name, wanted, DEFAULT_LIMITS[name]) === wanted ? DEFAULT_LIMITS[name] : wanted;
    return lower(name, offered[name], higher);
  });
}

function limitsBy(value: (name: (typeof LIMITS)[number]) => number): Limits {
  return Object.fromEntries(LIMITS.map((name) => [name, value(name)])) as Limits;
}

/** The one that promises less: of alignments, the larger. */
function lower(name: string, a: number, b: number): number {
  return name.startsWith("min") ? Math.max(a, b) : Math.min(a, b);
}
