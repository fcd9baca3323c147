/** Gathering rows beyond the op table: many rows, large tables, ignored rows, and what is refused. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { backward } from "../../src/ops/backward.ts";
import { argmax, gatherRows, selectRows } from "../../src/ops/indexing.ts";
import { indices, type IndicesOptions } from "../../src/ops/indices.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "./table.ts";

const gpu = await openTestGpu();

/** Rows gathered from a table, and the table's gradient for the seed given. */
async function gather(
  gpu: Gpu,
  values: Float32Array<ArrayBuffer>,
  ids: Uint32Array,
  options: IndicesOptions,
  seed: Float32Array<ArrayBuffer>,
) {
  const width = values.length / options.rows;
  const table = Tensor.from(gpu, values, [options.rows, width], true);
  const { y, grad } = scope(() => {
    const y = scope(() => gatherRows(table, indices(gpu, ids, [ids.length], options)));
    backward(y, Tensor.from(gpu, seed, y.shape));
    return { y, grad: table.grad! };
  });
  const [rows, gradient] = await readTensors([y, grad]);
  for (const tensor of [y, grad, table]) tensor.dispose();
  return { rows: rows!, gradient: gradient! };
}

/** The same on the host; whole numbers, so that sums are exact in any order. */
function gatherOnHost(
  values: Float32Array,
  ids: Uint32Array,
  { rows, ignore }: IndicesOptions,
  seed: Float32Array,
) {
  const width = values.length / rows;
  const taken = new Float32Array(ids.length * width);
  const gradient = new Float32Array(values.length);
  for (const [position, row] of ids.entries()) {
    for (let column = 0; column < width; column++) {
      taken[position * width + column] = values[row * width + column]!;
      if (row !== ignore) gradient[row * width + column]! += seed[position * width + column]!;
    }
  }
  return { rows: taken, gradient };
}

const random = generator(11);
const whole = (length: number) => Float32Array.from({ length }, () => Math.floor(200 * random()) - 100);

Deno.test("gatherRows() leaves the ignored row without a gradient, but reads it", async () => {
  const [values, seed] = [whole(5 * 3), whole(40 * 3)];
  const ids = Uint32Array.from({ length: 40 }, () => Math.floor(5 * random()));
  for (const ignore of [0, 2, 4, 7]) {
    const options = { rows: 5, ignore };
    assert.deepEqual(await gather(gpu, values, ids, options, seed), gatherOnHost(values, ids, options, seed));
  }
});

Deno.test("gatherRows() sums one row's 100,000 positions, and all of them when ignored are none", async () => {
  const [values, seed] = [whole(3 * 4), whole(100_000 * 4)];
  const ids = new Uint32Array(100_000).fill(1);
  for (const options of [{ rows: 3 }, { rows: 3, ignore: 1 }]) {
    assert.deepEqual(await gather(gpu, values, ids, options, seed), gatherOnHost(values, ids, options, seed));
  }
});

Deno.test("gatherRows() repeats its gradient bit for bit", async () => {
  const values = Float32Array.from({ length: 300 }, random);
  const seed = Float32Array.from({ length: 5000 * 30 }, random);
  const ids = Uint32Array.from({ length: 5000 }, () => Math.floor(10 * random() ** 3));
  const first = await gather(gpu, values, ids, { rows: 10 }, seed);
  assert.deepEqual(await gather(gpu, values, ids, { rows: 10 }, seed), first);
});

Deno.test("gatherRows() takes a table beyond the binding limit, range by range", async () => {
  const small = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: 2 ** 16 } });
  try {
    const [rows, width] = [1001, 60]; // 240 kB in ranges of 256 rows
    const [values, seed] = [whole(rows * width), whole(50 * width)];
    const ids = Uint32Array.from(
      { length: 50 },
      (_, i) => i < 3 ? [0, 256, 1000][i]! : Math.floor(rows * random()),
    );
    const options = { rows, ignore: 256 };
    assert.deepEqual(
      await gather(small, values, ids, options, seed),
      gatherOnHost(values, ids, options, seed),
    );
  } finally {
    small.destroy();
  }
});

Deno.test({
  name: "gatherRows() takes an f16 table beyond the binding limit, of rows of any width",
  ignore: !gpu.features.has("shader-f16"),
  async fn() {
    const small = await Gpu.open("auto", { limits: { maxStorageBufferBindingSize: 2 ** 14 } });
    try {
      const [rows, width] = [700, 15]; // 21 kB in ranges of 512 rows
      const values = whole(rows * width);
      const ids = Uint32Array.of(0, 511, 512, 699);
      const table = Tensor.empty(small, [rows, width], "f16");
      small.write(table, Float16Array.from(values));
      const y = scope(() => gatherRows(table, indices(small, ids, [4], { rows })));
      const expected = Array.from(ids, (row) => [...values.subarray(row * width, (row + 1) * width)]).flat();
      assert.deepEqual([...await y.read()], expected);
    } finally {
      small.destroy();
    }
  },
});

Deno.test("indices() take one buffer, which a scope frees or keeps", () => {
  const live = gpu.memory.live;
  const make = () => indices(gpu, Uint32Array.of(3, 1, 2), [3, 1], { rows: 4 });
  scope(() => void make());
  assert.equal(gpu.memory.live, live);
  const kept = scope(make);
  assert.ok(gpu.memory.live > live);
  kept.packed.dispose();
  assert.equal(gpu.memory.live, live);
});

Deno.test("indices() and the ops on rows name what is wrong and where", () => {
  const x = Tensor.empty(gpu, [4, 3], "f32", true);
  const mask = Tensor.empty(gpu, [4], "u32");
  const wrong: readonly (readonly [() => unknown, ErrorConstructor, RegExp])[] = [
    [
      () => indices(gpu, Uint32Array.of(0, 3, 4, 9), [2, 2], { rows: 4 }),
      RangeError,
      /row 4 of 4, at position 2 of \[2, 2\]/,
    ],
    [() => indices(gpu, Uint32Array.of(0), [1], { rows: NaN }), RangeError, /NaN rows/],
    [() => indices(gpu, Uint32Array.of(0, 3), [3], { rows: 4 }), TypeError, /\[3\] from 2/],
    [
      () => gatherRows(x, indices(gpu, Uint32Array.of(0), [1], { rows: 5 })),
      TypeError,
      /\[4, 3\].*\[5, width\]/,
    ],
    [() => selectRows(mask, x, Tensor.empty(gpu, [3, 4])), TypeError, /\[4, 3\] and \[3, 4\] by \[4\]/],
    [() => selectRows(Tensor.empty(gpu, [3], "u32"), x, x), TypeError, /by \[3\]/],
    [() => selectRows(Tensor.empty(gpu, [4]), x, x), TypeError, /f32 \[4\]: it takes u32/],
    [() => argmax(x), TypeError, /no gradient/],
    [() => noGrad(() => argmax(Tensor.empty(gpu, [3, 0]))), RangeError, /\[3, 0\]/],
  ];
  for (const [run, kind, message] of wrong) {
    const check = (error: unknown) => error instanceof kind && message.test(String(error));
    assert.throws(() => scope(() => void run()), check, String(run));
  }
  x.dispose();
  mask.dispose();
});

Deno.test("argmax() finds the largest of 100,000 columns in every lane's reach", async () => {
  const columns = 100_003;
  const places = [0, 1, 255, 256, 65_536, 99_999, columns - 1];
  const values = new Float32Array(places.length * columns);
  for (const [row, place] of places.entries()) values[row * columns + place] = 1;
  const x = Tensor.from(gpu, values, [places.length, columns]);
  assert.deepEqual([...await argmax(x).read()], places);
});
