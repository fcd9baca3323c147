/** A cache of bind groups: a training step meets those of the step before, and making one costs more than a dispatch. */
import type { Buffers } from "./dispatch.ts";
import type { Pipeline } from "./pipelines.ts";
import type { TextureCopies } from "./textures.ts";

/** Bind groups kept at most; beyond, the cache starts anew. */
const KEPT = 16384;

export class BindGroups {
  readonly #device: GPUDevice;
  readonly #textures: TextureCopies;
  readonly #uniforms: GPUBufferBinding;
  readonly #limit: number;
  readonly #groups = new Map<string, GPUBindGroup>();

  /** `limit`: the largest range that may be bound, in bytes. */
  constructor(device: GPUDevice, textures: TextureCopies, uniforms: GPUBufferBinding, limit: number) {
    this.#device = device;
    this.#textures = textures;
    this.#uniforms = uniforms;
    this.#limit = limit;
  }

  /** `buffers` are given by their WGSL names. Throws TypeError for one too few or too many. */
  get(pipeline: Pipeline, buffers: Buffers): GPUBindGroup {
    let key = String(pipeline.id);
    for (const { name, type } of pipeline.buffers) {
      const range = buffers[name];
      if (!range) throw new TypeError(`Cannot dispatch ${pipeline.label}: no buffer given for "${name}"`);
      key += type === "texture"
        ? `,t${this.#textures.textureFor(pipeline.buffers, buffers, range).id}`
        : `,${range.buffer.id}+${range.offset}:${range.bytes}`;
    }
    // Every binding has a buffer, so there is one too many only if there are more buffers than bindings.
    let given = 0;
    for (const _name in buffers) given++;
    if (given > pipeline.buffers.length) {
      const known = new Set(pipeline.buffers.map(({ name }) => name));
      const unknown = Object.keys(buffers).find((name) => !known.has(name));
      throw new TypeError(`Cannot dispatch ${pipeline.label}: it has no buffer "${unknown}"`);
    }
    const kept = this.#groups.get(key);
    if (kept) return kept;
    const group = this.#make(pipeline, buffers);
    if (this.#groups.size >= KEPT) this.#groups.clear();
    this.#groups.set(key, group);
    return group;
  }

  /** Must be called before buffers or textures are destroyed. */
  clear(): void {
    this.#groups.clear();
  }

  #make(pipeline: Pipeline, buffers: Buffers): GPUBindGroup {
    const entries = pipeline.buffers.map(({ name, index, type }): GPUBindGroupEntry => {
      const range = buffers[name]!;
      if (type === "texture") {
        return { binding: index, resource: this.#textures.textureFor(pipeline.buffers, buffers, range).view };
      }
      const { buffer, offset, bytes } = range;
      // Whole vec4s are bound, so that a kernel may walk any array four elements at a time.
      const size = Math.max(16, Math.ceil(bytes / 16) * 16);
      if (size > this.#limit) {
        throw new RangeError(
          `Cannot bind "${name}" of ${pipeline.label}: ${bytes} bytes exceed the adapter's binding limit of ${this.#limit}`,
        );
      }
      return { binding: index, resource: { buffer: buffer.handle, offset, size } };
    });
    if (pipeline.uniform !== undefined) entries.push({ binding: pipeline.uniform, resource: this.#uniforms });
    return this.#device.createBindGroup({ label: pipeline.label, layout: pipeline.layout, entries });
  }
}
