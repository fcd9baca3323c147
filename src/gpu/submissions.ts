/** What has been encoded, on its way to the device: at once, or held back in pieces. */
import type { Encoded, SubmissionSize } from "./submission_size.ts";
import type { UniformArena } from "./uniforms.ts";

interface Submission {
  readonly commands: GPUCommandBuffer;
  /** The parameters of its dispatches. */
  readonly uniforms: Uint8Array<ArrayBuffer>;
  readonly encoded: Encoded;
  readonly isUnusual: boolean;
}

export class Submissions {
  readonly #queue: GPUQueue;
  readonly #uniforms: UniformArena;
  readonly #size: SubmissionSize;
  /** In order; undefined where nothing is held back. */
  #held: Submission[] | undefined;
  /** Submissions so far. */
  count = 0;

  constructor(queue: GPUQueue, uniforms: UniformArena, size: SubmissionSize) {
    this.#queue = queue;
    this.#uniforms = uniforms;
    this.#size = size;
  }

  /** Submits what was encoded, or holds it back behind what is held; see `SubmissionSize.submitted` for `isUnusual`. */
  add(commands: GPUCommandBuffer, isUnusual: boolean): void {
    const encoded = this.#size.close();
    const uniforms = this.#uniforms.take();
    if (this.#held === undefined) this.#submit({ commands, uniforms, encoded, isUnusual });
    else this.#held.push({ commands, uniforms: uniforms.slice(), encoded, isUnusual });
  }

  /** See `Gpu.cut`. */
  cut(): () => void {
    const last = (this.#held ??= []).at(-1);
    return () => {
      while (last !== undefined && this.#held?.includes(last)) this.#submit(this.#held.shift()!);
    };
  }

  /** What `body` adds is submitted at once; what is held back goes on being so. */
  ahead<T>(body: () => T): T {
    const held = this.#held;
    this.#held = undefined;
    try {
      return body();
    } finally {
      this.#held = held;
    }
  }

  /** Submits all that is held back; nothing is from now on. */
  release(): void {
    for (const held of this.#held ?? []) this.#submit(held);
    this.#held = undefined;
  }

  #submit({ commands, uniforms, encoded, isUnusual }: Submission): void {
    // Queue order makes this safe: the write lands after all submitted work and before what is submitted next.
    this.#uniforms.upload(uniforms);
    this.#queue.submit([commands]);
    this.count++;
    this.#size.submitted(isUnusual, encoded);
  }
}
