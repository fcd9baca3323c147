/** What goes wrong on a device: WebGPU tells of it late and by events, so it is kept for whoever waits for the device next. */

/** The device is gone, and with it all that was on it. Another may be opened in its place. */
export class DeviceLost extends Error {
  override name = "DeviceLost";
}

/** The device computes something else than before. What it made since that was last tested cannot be trusted. */
export class WrongResults extends Error {
  override name = "WrongResults";
}

/** The adapter has no memory left for a buffer. */
export class OutOfMemory extends Error {
  override name = "OutOfMemory";
  /** Bytes of the buffer that it did not give; undefined where that is not known. */
  readonly asked: number | undefined;
  /** Bytes that it had given before. */
  readonly held: number;

  constructor(held: number, asked?: number) {
    const size = asked === undefined ? "" : ` for a buffer of ${mebibytes(asked)}`;
    super(`The adapter has no memory left${size}: ${mebibytes(held)} are in use`);
    this.asked = asked;
    this.held = held;
  }
}

export class DeviceErrors {
  /** Resolves when the device is lost; never where it is ended on purpose. */
  readonly lost: Promise<DeviceLost>;
  readonly #device: GPUDevice;
  readonly #held: () => number;
  #first: Error | undefined;
  #shortage: OutOfMemory | undefined;
  #lost: DeviceLost | undefined;
  #isClosed = false;

  /** `held`: the bytes held from the device now; `lastLabel`: the kernel that was encoded last, as errors name none. */
  constructor(device: GPUDevice, held: () => number, lastLabel: () => string) {
    this.#device = device;
    this.#held = held;
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault(); // Dawn would print it too
      const { error } = event as GPUUncapturedErrorEvent;
      // By name, as each implementation of WebGPU has a class of its own.
      if (error.constructor.name === "GPUOutOfMemoryError") this.#shortage ??= new OutOfMemory(held());
      else this.keep(`${error.message} (last kernel encoded: ${lastLabel()})`);
    });
    const { promise, resolve } = Promise.withResolvers<DeviceLost>();
    this.lost = promise;
    device.lost.then(({ message }) => {
      if (this.#isClosed) return;
      this.#lost = new DeviceLost(`The device was lost: ${message || "no reason was given"}`);
      resolve(this.#lost);
    });
  }

  /** Keeps what the device said, unless there is something already: what follows is most often its consequence. */
  keep(message: string): void {
    this.#first ??= new Error(`The device reported an error: ${message}`);
  }

  /** Makes a buffer; where there is no memory for it, `OutOfMemory` is kept, and the buffer cannot be used. */
  allocate(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    this.#device.pushErrorScope("out-of-memory");
    const buffer = this.#device.createBuffer({ size, usage });
    const held = this.#held();
    this.#device.popErrorScope().then(
      (error) => {
        // Dawn may tell of a buffer that was asked for later, and whose size nobody knows, before.
        if (error !== null && this.#shortage?.asked === undefined) {
          this.#shortage = new OutOfMemory(held, size);
        }
      },
      () => {}, // the device is lost, which is told by itself
    );
    return buffer;
  }

  /**
   * Throws what was kept, once; that the device is lost, always. Call it after having waited for the device. Of several
   * things the cause is thrown: what is lost, or was not given, makes every later use of it an error.
   */
  async mustBeNone(): Promise<void> {
    // The cause may be told by a task of its own, after the errors that come of it.
    if (this.#first !== undefined) await new Promise((resume) => setTimeout(resume));
    const error = this.#lost ?? this.#shortage ?? this.#first;
    this.#first = this.#shortage = undefined;
    if (error !== undefined) throw error;
  }

  /** From here on, that the device ends is no loss. */
  close(): void {
    this.#isClosed = true;
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20).toLocaleString("en-US")} MiB`;
}
