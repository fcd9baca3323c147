/** The device: order of work, checks of what is bound, memory. */
import assert from "node:assert/strict";
import { foldWorkgroups } from "../../src/gpu/dispatch.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { defineKernel } from "../../src/gpu/kernel.ts";
import { sizeClass } from "../../src/gpu/pool.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const addOne = defineKernel("add_one", [
  `
struct Params { count: u32, addend: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.count) { y[id.x] = x[id.x] + params.addend; }
}
@compute @workgroup_size(64)
fn in_place(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.count) { y[id.x] += params.addend; }
}
@compute @workgroup_size(64)
fn increment(@builtin(global_invocation_id) id: vec3u) { y[id.x] += 1u; }
@compute @workgroup_size(8, 8)
fn square(@builtin(local_invocation_index) lane: u32) { y[lane] += params.addend; }
`,
]);

async function withGpu(body: (gpu: Gpu) => Promise<void>): Promise<void> {
  const gpu = await Gpu.open();
  try {
    await body(gpu);
  } finally {
    gpu.destroy();
  }
}

Deno.test("dispatches run in order, across submissions, each with its own parameters", () =>
  withGpu(async (gpu) => {
    const x = Tensor.from(gpu, new Uint32Array(100), [100]);
    const start = gpu.dispatches;
    for (let i = 1; i <= 1000; i++) {
      gpu.dispatch({
        kernel: addOne,
        entry: "in_place",
        buffers: { y: x },
        params: { count: 100, addend: i },
        workgroups: 2,
      });
    }
    assert.equal(gpu.dispatches - start, 1000);
    assert.deepEqual([...await x.read()], new Array(100).fill(500500));
  }));

Deno.test("a write does not overtake work encoded before it", () =>
  withGpu(async (gpu) => {
    const x = Tensor.from(gpu, Uint32Array.of(1, 2, 3), [3]);
    const y = Tensor.empty(gpu, [3], "u32");
    gpu.dispatch({
      kernel: addOne,
      entry: "forward",
      buffers: { x, y },
      params: { count: 3, addend: 10 },
      workgroups: 1,
    });
    gpu.write(x, Uint32Array.of(7, 7, 7));
    assert.deepEqual([...await y.read()], [11, 12, 13]);
    assert.deepEqual([...await x.read()], [7, 7, 7]);
  }));

Deno.test("pieces of work wait until they are submitted, in order and with their parameters; what goes ahead does not", () =>
  withGpu(async (gpu) => {
    const x = Tensor.from(gpu, Uint32Array.of(0), [1]);
    const other = Tensor.from(gpu, Uint32Array.of(5), [1]);
    const add = (y: Tensor, addend: number) =>
      gpu.dispatch({
        kernel: addOne,
        entry: "in_place",
        buffers: { y },
        params: { count: 1, addend },
        workgroups: 1,
      });
    const now = async (tensor: Tensor) => (await gpu.ahead(() => tensor.read()))[0];
    const pieces = [1, 10, 100, 1000].map((addend) => {
      add(x, addend);
      return gpu.cut();
    });
    add(x, 10_000);
    assert.equal(await now(x), 1);
    pieces[2]!();
    pieces[1]!(); // has been submitted with the one after it
    assert.equal(await now(x), 111);
    gpu.ahead(() => {
      gpu.write(other, Uint32Array.of(7));
      add(other, 1);
    });
    assert.deepEqual([await now(other), await now(x)], [8, 111]);
    // A read that is not ahead waits for all, and ends the holding back.
    assert.deepEqual([...await x.read()], [11_111]);
    pieces[3]!();
    add(x, 1);
    assert.deepEqual([...await x.read()], [11_112]);
  }));

Deno.test("dispatch() names a buffer or a parameter that is missing, or that the entry does not use", () =>
  withGpu(async (gpu) => {
    const x = Tensor.from(gpu, new Uint32Array(64), [64]);
    const y = Tensor.from(gpu, new Uint32Array(64), [64]);
    const asked = (entry: string, buffers: Record<string, Tensor>, params?: Record<string, number>) => () =>
      gpu.dispatch({ kernel: addOne, entry, buffers, ...(params && { params }), workgroups: 1 });
    const [all, count] = [{ count: 0, addend: 1 }, { count: 0 }];
    asked("forward", { x, y }, all)(); // what fits once is no excuse for what comes after
    for (
      const [dispatch, message] of [
        [asked("forward", { x }, all), /TypeError.*add_one\.forward: no buffer given for "y"/],
        [asked("forward", { x, y, z: x }, all), /TypeError.*add_one\.forward: it has no buffer "z"/],
        [asked("forward", { x, y }, count), /TypeError.*add_one\.forward: no value given for "addend"/],
        [asked("forward", { x, y }), /TypeError.*add_one\.forward: no value given for "count"/],
        [asked("forward", { x, y }, { ...all, scale: 1 }), /TypeError.*it uses no parameter "scale"/],
        // of the struct, but not of the entry
        [asked("square", { y }, all), /TypeError.*add_one\.square: it uses no parameter "count"/],
        [asked("increment", { y }, count), /TypeError.*add_one\.increment: it uses no parameter "count"/],
      ] as const
    ) {
      assert.throws(dispatch, message);
    }
    asked("square", { y }, { addend: 5 })();
    asked("increment", { y })();
    assert.deepEqual([...await y.read()], new Array(64).fill(6));
  }));

Deno.test("dispatch() takes as many workgroups as the invocations asked for need", () =>
  withGpu(async (gpu) => {
    const y = Tensor.from(gpu, new Uint32Array(200), [200]);
    const increment = (invocations: number) =>
      gpu.dispatch({ kernel: addOne, entry: "increment", buffers: { y }, invocations });
    for (const invocations of [0, 1, 64, 65]) increment(invocations);
    const expected = [...new Array(64).fill(3), ...new Array(64).fill(1), ...new Array(72).fill(0)];
    assert.deepEqual([...await y.read()], expected);
    assert.throws(
      () =>
        gpu.dispatch({
          kernel: addOne,
          entry: "square",
          buffers: { y },
          params: { addend: 1 },
          invocations: 64,
        }),
      /TypeError.*add_one\.square by invocations/,
    );
  }));

Deno.test("what the device complains of is thrown at the next read, once", () =>
  withGpu(async (gpu) => {
    const broken = defineKernel("broken", [
      "@compute @workgroup_size(1)\nfn forward() { let x: u32 = 1.5; }\n",
    ]);
    gpu.dispatch({ kernel: broken, entry: "forward", buffers: {}, workgroups: 1 });
    await assert.rejects(gpu.finish(), /device reported an error.*broken\.forward/s);
    await gpu.finish();
  }));

Deno.test("a range beyond the binding limit is refused by name", async () => {
  const gpu = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: 1024 } });
  const x = Tensor.empty(gpu, [257], "u32");
  assert.throws(
    () => gpu.dispatch({ kernel: addOne, entry: "increment", buffers: { y: x }, workgroups: 1 }),
    /RangeError.*"y" of add_one\.increment: 1028 bytes.*1024/,
  );
  gpu.destroy();
});

Deno.test("bytes and empty tensors go to the device and back", () =>
  withGpu(async (gpu) => {
    for (const size of [0, 1, 2, 3, 4, 5, 1001]) {
      const data = Uint8Array.from({ length: size }, (_, i) => i * 7);
      assert.deepEqual(await Tensor.from(gpu, data, [size]).read(), data, `${size} bytes`);
    }
  }));

Deno.test("the pool reuses memory, counts it, and gives it back", () =>
  withGpu((gpu) => {
    const first = Tensor.empty(gpu, [1000]);
    const { buffer } = first;
    assert.deepEqual(gpu.memory, { live: 4096, peakLive: 4096, held: 4096, peakHeld: 4096 });
    first.dispose();
    const second = Tensor.empty(gpu, [1000]);
    assert.equal(second.buffer, buffer);
    const other = Tensor.empty(gpu, [5000]);
    assert.deepEqual(gpu.memory, { live: 24576, peakLive: 24576, held: 24576, peakHeld: 24576 });
    second.dispose();
    other.dispose();
    assert.equal(gpu.memory.live, 0);
    assert.equal(gpu.memory.held, 24576);
    gpu.trim();
    assert.equal(gpu.memory.held, 0);
    return Promise.resolve();
  }));

Deno.test("the order in which buffers come back does not matter for which are handed out", () =>
  withGpu((gpu) => {
    const buffers = Array.from({ length: 6 }, () => gpu.take(1000));
    const orders = [[0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4], [2, 5, 4, 0, 3, 1]];
    for (const order of orders) {
      for (const i of order) gpu.give(buffers[i]!);
      for (const [i, buffer] of buffers.entries()) assert.equal(gpu.take(1000), buffer, `${order}: ${i}`);
    }
    return Promise.resolve();
  }));

Deno.test("the pool holds little more than was in use at once, and makes nothing again that the next step needs", () =>
  withGpu((gpu) => {
    const mebi = 2 ** 20;
    const run = (sizes: readonly number[]) => {
      const taken = sizes.map((size) => gpu.take(size * mebi));
      taken.forEach((buffer) => gpu.give(buffer));
      return taken.map(({ id }) => id);
    };
    const step = () => [...run([20, 20, 30, 30, 4]), ...run([20, 30, 30, 8])];
    const first = step();
    assert.deepEqual(step(), first, "a step met other buffers than the one before");
    // Of sizes that do not return, only so many stay.
    for (let size = 40; size < 60; size++) run([size, size]);
    const { peakLive, peakHeld } = gpu.memory;
    assert.ok(peakHeld <= 1.1 * peakLive, `${peakHeld} held, ${peakLive} in use`);
    return Promise.resolve();
  }));

Deno.test("sizeClass() wastes at most a sixteenth beyond small sizes, and is a multiple of 256", () => {
  for (let bytes = 1; bytes < 2 ** 31; bytes = Math.ceil(bytes * 1.37)) {
    const size = sizeClass(bytes);
    assert.ok(size >= bytes && size % 256 === 0, `${bytes}`);
    assert.ok(size - bytes < Math.max(256, bytes / 16), `${bytes} took ${size}`);
    assert.equal(sizeClass(size), size);
  }
});

Deno.test("foldWorkgroups() covers any count within the limit of each dimension", () => {
  for (const count of [1, 65535, 65536, 131071, 2 ** 22 + 1]) {
    const [x, y, z] = foldWorkgroups(count);
    assert.ok(x <= 65535 && y <= 65535 && z === 1 && x * y >= count && x * y < count + y);
  }
});
