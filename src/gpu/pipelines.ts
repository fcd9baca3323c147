/** Compiled kernels: one pipeline for each entry point and set of constants, made when first asked for. */
import type { Backend } from "./backend.ts";
import {
  type BindingInfo,
  type Constants,
  type KernelSource,
  link,
  type ParamInfo,
  reflect,
  specialise,
} from "./kernel.ts";

export interface Pipeline {
  readonly id: number;
  /** `kernel.entry` */
  readonly label: string;
  readonly handle: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** All bindings except that of the parameters. */
  readonly buffers: readonly BindingInfo[];
  readonly readsTextures: boolean;
  /** Index of the binding of the parameters; undefined where there are none. */
  readonly uniform: number | undefined;
  readonly params: readonly ParamInfo[];
  /** Invocations of a workgroup, where reflection tells. */
  readonly workgroupSize: number | undefined;
}

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #backend: Backend;
  readonly #subgroup: number;
  readonly #pipelines = new Map<KernelSource, Map<string, Pipeline>>();
  #count = 0;

  /** `subgroup`: lanes of a workgroup that is one subgroup; 0 where none is known. */
  constructor(device: GPUDevice, backend: Backend, subgroup: number) {
    this.#device = device;
    this.#backend = backend;
    this.#subgroup = subgroup;
  }

  /** Pipelines compiled so far. */
  get count(): number {
    return this.#count;
  }

  /** `textures`: true where the arrays that the kernel names are read through textures. */
  get(kernel: KernelSource, entry: string, constants: Constants, textures: boolean): Pipeline {
    let variants = this.#pipelines.get(kernel);
    if (!variants) this.#pipelines.set(kernel, variants = new Map());
    let key = textures ? `${entry},textures` : entry;
    for (const name in constants) key += `,${name}=${constants[name]}`;
    let pipeline = variants.get(key);
    if (!pipeline) variants.set(key, pipeline = this.#compile(kernel, entry, constants, textures));
    return pipeline;
  }

  #compile(kernel: KernelSource, entry: string, constants: Constants, textures: boolean): Pipeline {
    const label = `${kernel.label}.${entry}`;
    const subgroup = this.#subgroup > 0 && constants.WG === this.#subgroup;
    const code = specialise(kernel.label, link(kernel, { subgroup, textures }), constants);
    const { bindings, params, workgroupSize } = reflect(kernel.label, code, entry);
    const layout = this.#device.createBindGroupLayout({
      label,
      entries: bindings.map(({ index, type }) => ({
        binding: index,
        visibility: GPUShaderStage.COMPUTE,
        ...(type === "texture"
          ? { texture: { sampleType: "unfilterable-float" } }
          : { buffer: { type, hasDynamicOffset: type === "uniform" } }),
      })),
    });
    const text = this.#backend.moduleText(code, this.#device.features);
    const module = this.#device.createShaderModule({ label, code: text });
    const handle = this.#device.createComputePipeline({
      label,
      layout: this.#device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: entry },
    });
    return {
      id: this.#count++,
      label,
      handle,
      layout,
      buffers: bindings.filter(({ type }) => type !== "uniform"),
      readsTextures: bindings.some(({ type }) => type === "texture"),
      uniform: bindings.find(({ type }) => type === "uniform")?.index,
      params,
      workgroupSize,
    };
  }
}
