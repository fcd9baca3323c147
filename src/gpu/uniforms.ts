/** Run-time parameters of the dispatches of one submission, in one buffer addressed by dynamic offsets. */
import type { ParamInfo } from "./kernel.ts";

/** Bytes bound for the `Params` of any kernel: room for 48 fields. */
const BINDING_BYTES = 192;

export class UniformArena {
  readonly #device: GPUDevice;
  readonly #buffer: GPUBuffer;
  readonly #stride: number;
  readonly #view: DataView<ArrayBuffer>;
  #used = 0;

  /** `slots`: the most calls of `append` between two of `take`. */
  constructor(device: GPUDevice, slots: number) {
    this.#device = device;
    const alignment = device.limits.minUniformBufferOffsetAlignment;
    this.#stride = Math.ceil(BINDING_BYTES / alignment) * alignment;
    this.#view = new DataView(new ArrayBuffer(this.#stride * slots));
    this.#buffer = device.createBuffer({
      label: "uniforms",
      size: this.#view.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  get binding(): GPUBufferBinding {
    return { buffer: this.#buffer, offset: 0, size: BINDING_BYTES };
  }

  /**
   * Packs one dispatch's parameters where `fields` say, and returns their dynamic offset; undefined where there are no
   * fields. Throws TypeError for a value too few or too many, by name.
   */
  append(
    label: string,
    fields: readonly ParamInfo[],
    values: Readonly<Record<string, number>>,
  ): number | undefined {
    const start = this.#used;
    for (const { name, type, offset } of fields) {
      const value = values[name];
      if (value === undefined) throw new TypeError(`Cannot dispatch ${label}: no value given for "${name}"`);
      const at = start + offset;
      if (type === "f32") this.#view.setFloat32(at, value, true);
      else if (type === "i32") this.#view.setInt32(at, value, true);
      else this.#view.setUint32(at, value, true);
    }
    // Every field has a value, so there is one too many only if there are more values than fields.
    let given = 0;
    for (const _name in values) given++;
    if (given > fields.length) {
      const unknown = Object.keys(values).find((name) => !fields.some((field) => field.name === name));
      throw new TypeError(`Cannot dispatch ${label}: it uses no parameter "${unknown}"`);
    }
    if (fields.length === 0) return undefined;
    this.#used += this.#stride;
    return start;
  }

  /** What was appended, until the next `append`, which starts again at the front. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#view.buffer, 0, this.#used);
    this.#used = 0;
    return taken;
  }

  /** Sends what was taken to the device. */
  upload(taken: Uint8Array<ArrayBuffer>): void {
    if (taken.length > 0) this.#device.queue.writeBuffer(this.#buffer, 0, taken);
  }
}
