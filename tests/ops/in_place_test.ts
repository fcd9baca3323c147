/** What writes outside the tape, on every remainder of packs and workgroups: all of it is written, in each type. */
import assert from "node:assert/strict";
import { accumulate } from "../../src/ops/arithmetic.ts";
import { cast, castInto } from "../../src/ops/cast.ts";
import type { Float } from "../../src/ops/check.ts";
import { copy, fill, full } from "../../src/ops/fill.ts";
import { capture, scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();
const types: readonly Float[] = gpu.features.has("shader-f16") ? ["f32", "f16"] : ["f32"];
const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 63, 64, 65, 255, 256, 257, 258, 259];

/** Whole numbers that f16 holds, other ones for every `seed`. */
const numbers = (size: number, seed: number) =>
  Float32Array.from({ length: size }, (_, i) => (i * 37 + seed * 101) % 1000 + seed);

const upload = (values: Float32Array<ArrayBuffer>, dtype: Float) =>
  capture(() => cast(Tensor.from(gpu, values, [values.length]), dtype));

for (const dtype of types) {
  Deno.test(`fill(), copy(), accumulate() and castInto() reach every element of ${dtype}`, async () => {
    for (const size of sizes) {
      const [a, b] = [numbers(size, 1), numbers(size, 2)];
      const made = scope(() => {
        const [x, y] = [upload(a, dtype), upload(b, dtype)];
        const other = dtype === "f16" ? "f32" : types.at(-1)!;
        const target = full(gpu, [size], -1, other);
        castInto(x, target);
        const copied = copy(x);
        const sum = copy(x);
        accumulate(sum, y);
        const filled = copy(x);
        fill(filled, 7);
        return { target, copied, sum, filled, full: full(gpu, [size], 0.5, dtype), x };
      });
      const read = async (tensor: Tensor) => [...await tensor.read()];
      assert.deepEqual(await read(made.target), [...a], `castInto of ${size}`);
      assert.deepEqual(await read(made.copied), [...a], `copy of ${size}`);
      assert.deepEqual(
        await read(made.sum),
        [...a.map((value, i) => value + b[i]!)],
        `accumulate of ${size}`,
      );
      assert.deepEqual(await read(made.filled), new Array(size).fill(7), `fill of ${size}`);
      assert.deepEqual(await read(made.full), new Array(size).fill(0.5), `full of ${size}`);
      assert.deepEqual(await read(made.x), [...a], `what ${size} were copied from`);
      for (const tensor of Object.values(made)) tensor.dispose();
    }
  });
}
