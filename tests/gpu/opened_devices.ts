/** The devices of WebGPU that are opened beneath `Gpu`, so that tests can take them, or their memory, away from it. */
import { CLASSES } from "../backend.ts";

/** From its making until it is disposed. */
export class OpenedDevices implements Disposable {
  readonly devices: GPUDevice[] = [];
  /** Dispatches on all devices so far, whose number does not depend on how fast they are, and storage buffers made. */
  dispatches = 0;
  buffers = 0;
  /** Numbers of dispatches: the device that is given one of them is destroyed before, as by a driver that restarts. */
  losses: readonly number[] = [];
  /** The number of the storage buffer from which on there is no memory. */
  memoryEndsAt = Infinity;
  readonly #undo: (() => void)[] = [];

  constructor() {
    // deno-lint-ignore no-this-alias -- the methods that are put in have a `this` of their own
    const all = this;
    this.#replace(
      CLASSES.GPUAdapter.prototype,
      "requestDevice",
      (requestDevice) =>
        async function (this: GPUAdapter, descriptor) {
          const device = await requestDevice.call(this, descriptor);
          all.devices.push(device);
          return device;
        },
    );
    this.#replace(CLASSES.GPUQueue.prototype, "submit", (submit) =>
      function (this: GPUQueue, commands) {
        const left = all.losses.filter((number) => number >= all.dispatches);
        if (left.length < all.losses.length) all.devices.find(({ queue }) => queue === this)?.destroy();
        all.losses = left;
        return submit.call(this, commands);
      });
    this.#replace(
      CLASSES.GPUComputePassEncoder.prototype,
      "dispatchWorkgroups",
      (dispatchWorkgroups) =>
        function (this: GPUComputePassEncoder, x, y, z) {
          all.dispatches++;
          return dispatchWorkgroups.call(this, x, y, z);
        },
    );
    // What Deno does where a driver has no memory: the error comes to the scope, and the buffer cannot be used.
    let isShort = false;
    this.#replace(
      CLASSES.GPUDevice.prototype,
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
    const { popErrorScope } = CLASSES.GPUDevice.prototype;
    this.#replace(
      CLASSES.GPUDevice.prototype,
      "popErrorScope",
      (popErrorScope) =>
        async function (this: GPUDevice) {
          const wasShort = isShort;
          isShort = false;
          return await popErrorScope.call(this) ??
            (wasShort ? new CLASSES.GPUOutOfMemoryError("not enough memory left") : null);
        },
    );
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
