/**
 * What differs between the implementations of WebGPU that a device may be opened on: Deno's own, which is wgpu, and Dawn,
 * which is Chrome's and comes for other programs as the npm package `webgpu`.
 */

/** An implementation of WebGPU, as far as the others differ from it. */
export interface Backend {
  /** What stands behind the name of an adapter that is opened on it. */
  readonly suffix: string;
  /** What to say where there is no adapter. */
  readonly noAdapter: string;
  /** Whether adapters list subgroups where they have them; else they must be asked for to find out. */
  readonly listsSubgroups: boolean;
  /** The text of a module as the compiler wants it for a device: with a line `enable` for every extension that it uses. */
  moduleText(code: string, features: Pick<GPUSupportedFeatures, "has">): string;
}

/** Features that Dawn alone has. */
export const MATRICES = "chromium-experimental-subgroup-matrix" as GPUFeatureName;
export const SIZE_CONTROL = "subgroup-size-control" as GPUFeatureName;

/** naga, the compiler, knows subgroups without `enable subgroups;` and refuses that line. */
const WGPU: Backend = {
  suffix: "",
  noAdapter: "No WebGPU adapter found. Install your GPU's Vulkan driver, or the software one: " +
    "apt-get install mesa-vulkan-drivers (Debian, Ubuntu)",
  listsSubgroups: false,
  moduleText: (code) => code,
};

/** The extensions of WGSL that Tint must be told of, with what of them a module uses. */
const EXTENSIONS: Readonly<Record<string, RegExp>> = {
  subgroups: /\bsubgroup(?:[A-Z]\w*\(|_)/,
  chromium_experimental_subgroup_matrix: /\bsubgroup_matrix_/,
  subgroup_size_control: /@subgroup_size\(/,
};

/** Where all subgroups have one size, none is asked for. */
const ASKED_SIZE = / @subgroup_size\(\w+\)/g;

/** Tint, the compiler, follows the specification. */
const DAWN: Backend = {
  suffix: " on Dawn",
  noAdapter:
    "No WebGPU adapter found that Dawn can use. It asks more of a driver than Deno's own WebGPU does, " +
    "of Mesa's software one version 25: update the driver, or use --backend deno",
  listsSubgroups: true,
  moduleText(code, features) {
    const text = features.has(SIZE_CONTROL) ? code : code.replace(ASKED_SIZE, "");
    const used = Object.entries(EXTENSIONS).filter(([, pattern]) => pattern.test(text));
    return used.map(([name]) => `enable ${name};\n`).join("") + text;
  },
};

/** The backend that an implementation is: Deno's own objects are of its global classes, those of a package are not. */
export function backendOf(webgpu: GPU): Backend {
  return webgpu instanceof GPU ? WGPU : DAWN;
}

/**
 * What Dawn is to be created with: `create(DAWN_FLAGS)`. Its checks of bounds stay on, as those of Deno's WebGPU cannot
 * be switched off either.
 */
export const DAWN_FLAGS: readonly string[] = [
  // Else it has no matrix units.
  "enable-dawn-features=allow_unsafe_apis",
  // Else times are multiples of 100 µs, lest a page measure what it should not; kernels take less.
  "disable-dawn-features=timestamp_quantization",
];

/** The same, with more of Dawn's toggles switched on and off: it takes one flag of a name, with all its toggles. */
export function dawnFlags(on: readonly string[] = [], off: readonly string[] = []): string[] {
  return DAWN_FLAGS.map((flag) => [flag, ...flag.startsWith("enable") ? on : off].join(","));
}
