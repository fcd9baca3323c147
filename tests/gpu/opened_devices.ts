/** The devices of WebGPU that are opened beneath `Gpu`, so that tests can take them, or their memory, away from it. */
import { CLASSES } from "../backend.ts";

/** Calls that may find the device lost. */
export const CALLS = [
  "createBuffer",
  "createTexture",
  "createBindGroup",
  "createComputePipeline",
  "writeBuffer",
  "submit",
  "mapAsync",
  "onSubmittedWorkDone",
] as const;
export type Call = (typeof CALLS)[number];

/** From its making until it is disposed. */
export class OpenedDevices implements Disposable {
  readonly devices: GPUDevice[] = [];
  /** On all devices so far: dispatches, whose number does not depend on how fast they are; buffers and textures made. */
  dispatches = 0;
  allocations = 0;
  /** Calls on all devices so far. */
  readonly calls = new Map<Call, number>(CALLS.map((call) => [call, 0]));
  /** Numbers of dispatches: the device that is given one of them is destroyed before, as by a driver that restarts. */
  losses: readonly number[] = [];
  /** The device is destroyed at this call of all, counted from 0: before it, or once it was made. */
  lossAt: { readonly call: Call; readonly number: number; readonly isAfter: boolean } | undefined;
  /** Of buffers and textures, the number of the first that there is no memory for, and of the next that there is again. */
  memoryEndsAt = Infinity;
  memoryComesBackAt = Infinity;
  /** From this dispatch on, the device computes wrong: of what is read back, one bit in a few thousand is another. */
  wrongFrom = Infinity;
  /** So many requests for an adapter from now on give none, as while a driver comes back. */
  adaptersMissing = 0;
  readonly #undo: (() => void)[] = [];
  /** The filters of the error scopes that are open, by device, and whether one of them has noticed a shortage. */
  readonly #scopes = new Map<GPUDevice, { filter: GPUErrorFilter; isShort: boolean }[]>();

  constructor() {
    // deno-lint-ignore no-this-alias -- the methods that are put in have a `this` of their own
    const all = this;
    const { GPUAdapter, GPUDevice, GPUQueue, GPUBuffer, GPUComputePassEncoder } = CLASSES;
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
    this.#replace(
      Object.getPrototypeOf(navigator.gpu) as GPU,
      "requestAdapter",
      (requestAdapter) =>
        async function (this: GPU, options) {
          return all.adaptersMissing-- > 0 ? null : await requestAdapter.call(this, options);
        },
    );
    this.#replace(
      GPUComputePassEncoder.prototype,
      "dispatchWorkgroups",
      (dispatchWorkgroups) =>
        function (this: GPUComputePassEncoder, x, y, z) {
          all.dispatches++;
          return dispatchWorkgroups.call(this, x, y, z);
        },
    );
    this.#replace(GPUQueue.prototype, "submit", (submit) =>
      function (this: GPUQueue, commands) {
        const left = all.losses.filter((number) => number >= all.dispatches);
        if (left.length < all.losses.length) all.devices.find(({ queue }) => queue === this)?.destroy();
        all.losses = left;
        return submit.call(this, commands);
      });
    this.#replace(
      GPUBuffer.prototype,
      "getMappedRange",
      (getMappedRange) =>
        function (this: GPUBuffer, ...range) {
          const mapped = getMappedRange.apply(this, range);
          const words = new Uint32Array(mapped);
          if (all.dispatches > all.wrongFrom) { for (let i = 99; i < words.length; i += 100) words[i]! ^= 1; }
          return mapped;
        },
    );
    // What Deno does where a driver has no memory: the error comes to the scope, or to the device where there is none, and
    // what was asked for cannot be used.
    const { pushErrorScope, popErrorScope } = GPUDevice.prototype;
    this.#replace(
      GPUDevice.prototype,
      "pushErrorScope",
      () =>
        function (this: GPUDevice, filter) {
          const open = all.#scopes.get(this) ?? [];
          all.#scopes.set(this, [...open, { filter, isShort: false }]);
          pushErrorScope.call(this, filter);
        },
    );
    this.#replace(
      GPUDevice.prototype,
      "popErrorScope",
      () =>
        async function (this: GPUDevice) {
          const scope = all.#scopes.get(this)?.pop();
          const error = await popErrorScope.call(this);
          return error ?? (scope?.isShort ? shortage() : null);
        },
    );
    const unusable = <T>(device: GPUDevice, make: () => T): T => {
      const scope = all.#scopes.get(device)?.findLast(({ filter }) => filter === "out-of-memory");
      if (scope !== undefined) scope.isShort = true;
      else {device.dispatchEvent(
          new CLASSES.GPUUncapturedErrorEvent("uncapturederror", { error: shortage() }),
        );}
      pushErrorScope.call(device, "validation");
      const made = make();
      popErrorScope.call(device).catch(() => {});
      return made;
    };
    this.#replace(
      GPUDevice.prototype,
      "createBuffer",
      (createBuffer) =>
        function (this: GPUDevice, descriptor) {
          const make = (one: GPUBufferDescriptor) => createBuffer.call(this, one);
          if (all.#hasMemory()) return make(descriptor);
          return unusable(this, () => make({ ...descriptor, size: 2 ** 50 }));
        },
    );
    this.#replace(
      GPUDevice.prototype,
      "createTexture",
      (createTexture) =>
        function (this: GPUDevice, descriptor) {
          const make = (one: GPUTextureDescriptor) => createTexture.call(this, one);
          if (all.#hasMemory()) return make(descriptor);
          return unusable(this, () => make({ ...descriptor, size: [2 ** 20, 2 ** 20] }));
        },
    );
    const prototypes: readonly object[] = [GPUDevice.prototype, GPUQueue.prototype, GPUBuffer.prototype];
    for (const call of CALLS) {
      const prototype = prototypes.find((one) => call in one) as Record<
        Call,
        (...given: unknown[]) => unknown
      >;
      this.#replace(prototype, call, (before) =>
        function (this: unknown, ...given: unknown[]) {
          const number = all.calls.get(call)!;
          all.calls.set(call, number + 1);
          const isLost = all.lossAt?.call === call && all.lossAt.number === number;
          if (!isLost) return before.apply(this, given);
          const { isAfter } = all.lossAt!;
          if (!isAfter) all.loseLast();
          const result = before.apply(this, given);
          if (isAfter) all.loseLast();
          return result;
        });
    }
  }

  /** Destroys the device that was opened last. */
  loseLast(): void {
    this.devices.at(-1)!.destroy();
  }

  /** Counts something that takes memory; whether there is some for it. */
  #hasMemory(): boolean {
    const number = this.allocations++;
    return number < this.memoryEndsAt || number >= this.memoryComesBackAt;
  }

  #replace<T extends object, K extends keyof T>(prototype: T, name: K, make: (before: T[K]) => T[K]): void {
    const before = prototype[name];
    prototype[name] = make(before);
    this.#undo.push(() => prototype[name] = before);
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo.toReversed()) undo();
  }
}

function shortage(): GPUOutOfMemoryError {
  return new CLASSES.GPUOutOfMemoryError("not enough memory left");
}
