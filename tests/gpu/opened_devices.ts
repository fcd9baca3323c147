/** The devices of WebGPU that are opened beneath `Gpu`, so that tests can take them, or their memory, away from it. */

/** From its making until it is disposed. */
export class OpenedDevices implements Disposable {
  readonly devices: GPUDevice[] = [];
  /** Submissions to all devices so far, and storage buffers made. */
  submissions = 0;
  buffers = 0;
  /** Numbers of the submissions before which the device is destroyed, as a driver does that restarts. */
  losses: readonly number[] = [];
  /** The number of the storage buffer from which on there is no memory. */
  memoryEndsAt = Infinity;
  readonly #undo: (() => void)[] = [];

  constructor() {
    // deno-lint-ignore no-this-alias -- the methods that are put in have a `this` of their own
    const all = this;
    this.#replace(
      GPUAdapter.prototype,
      "requestDevice",
      (requestDevice) =>
        async function (this: GPUAdapter, descriptor) {
          const device = await requestDevice.call(this, descriptor);
          all.devices.push(device);
          return device;
        },
    );
    this.#replace(GPUQueue.prototype, "submit", (submit) =>
      function (this: GPUQueue, commands) {
        if (all.losses.includes(all.submissions++)) {
          all.devices.find(({ queue }) => queue === this)?.destroy();
        }
        return submit.call(this, commands);
      });
    // What Deno does where a driver has no memory: the error comes to the scope, and the buffer cannot be used.
    let isShort = false;
    this.#replace(
      GPUDevice.prototype,
      "createBuffer",
      (createBuffer) =>
        function (this: GPUDevice, descriptor) {
          const isStorage = (descriptor.usage & GPUBufferUsage.STORAGE) !== 0;
          if (!isStorage || all.buffers++ < all.memoryEndsAt) return createBuffer.call(this, descriptor);
          isShort = true;
          this.pushErrorScope("validation");
          const unusable = createBuffer.call(this, { ...descriptor, size: 2 ** 50 });
          popErrorScope.call(this).catch(() => {});
          return unusable;
        },
    );
    const { popErrorScope } = GPUDevice.prototype;
    this.#replace(GPUDevice.prototype, "popErrorScope", (popErrorScope) =>
      async function (this: GPUDevice) {
        const wasShort = isShort;
        isShort = false;
        return await popErrorScope.call(this) ??
          (wasShort ? new GPUOutOfMemoryError("not enough memory left") : null);
      });
  }

  /** Destroys the device that was opened last. */
  loseLast(): void {
    this.devices.at(-1)!.destroy();
  }

  #replace<T extends object, K extends keyof T>(prototype: T, name: K, make: (before: T[K]) => T[K]): void {
    const before = prototype[name];
    prototype[name] = make(before);
    this.#undo.push(() => prototype[name] = before);
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo) undo();
  }
}
