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
  /** The text of a module as the compiler wants it: with a line `enable` for every extension that it uses. */
  moduleText(code: string): string;
}

/** naga, the compiler, knows subgroups without `enable subgroups;` and refuses that line. */
const WGPU: Backend = {
  suffix: "",
  noAdapter: "No WebGPU adapter found. Install your GPU's Vulkan driver, or the software one: " +
    "apt-get install mesa-vulkan-drivers (Debian, Ubuntu)",
  listsSubgroups: false,
  moduleText: (code) => code,
};

/** Tint, the compiler, follows the specification. */
const DAWN: Backend = {
  suffix: " on Dawn",
  noAdapter:
    "No WebGPU adapter found that Dawn can use. It asks more of a driver than Deno's own WebGPU does, " +
    "of Mesa's software one version 25: update the driver, or use --backend deno",
  listsSubgroups: true,
  moduleText: (code) => /\bsubgroup(?:[A-Z]\w*\(|_)/.test(code) ? `enable subgroups;\n${code}` : code,
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
  // Else times are multiples of 100 µs, lest a page measure what it should not; kernels take less.
  "disable-dawn-features=timestamp_quantization",
];
