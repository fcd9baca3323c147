/** Ops that arrange elements, beyond the op table: views, and what they refuse. */
import assert from "node:assert/strict";
import { backward } from "../../src/ops/backward.ts";
import { add, expand } from "../../src/ops/arithmetic.ts";
import { fill, full } from "../../src/ops/fill.ts";
import { max, mean, sum } from "../../src/ops/reduce.ts";
import { concat, detach, permute, reshape, slice, transpose } from "../../src/ops/shape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

const counting = (shape: readonly number[], requiresGrad = false) =>
  Tensor.from(
    gpu,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    shape,
    requiresGrad,
  );

Deno.test("detach() cuts one of two paths of a gradient", async () => {
  const x = counting([5], true);
  const grad = scope(() => {
    backward(add(x, detach(x)));
    return x.grad!;
  });
  assert.deepEqual([...await grad.read()], [1, 1, 1, 1, 1]);
  grad.dispose();
  x.dispose();
});

Deno.test("reshape(), detach() and a permute() of dimensions of one are views: nothing runs, no memory is taken", () => {
  const x = counting([3, 1, 4]);
  const { dispatches, memory: { live } } = gpu;
  for (const y of [reshape(x, [12]), detach(x), permute(x, [1, 0, 2]), transpose(reshape(x, [12, 1]))]) {
    assert.equal(y.buffer, x.buffer);
  }
  assert.equal(gpu.dispatches, dispatches);
  assert.equal(gpu.memory.live, live);
});

Deno.test("permute(), slice() and concat() arrange u32", async () => {
  const x = Tensor.from(gpu, Uint32Array.of(1, 2, 3, 4, 5, 4_000_000_000), [2, 3]);
  assert.deepEqual(await transpose(x).read(), Uint32Array.of(1, 4, 2, 5, 3, 4_000_000_000));
  assert.deepEqual(await slice(x, 1, 2).read(), Uint32Array.of(3, 4_000_000_000));
  assert.deepEqual(
    await concat([slice(x, 0, 1), x], 0).read(),
    Uint32Array.of(4, 5, 4_000_000_000, 1, 2, 3, 4, 5, 4_000_000_000),
  );
});

Deno.test("ops name the shapes they cannot arrange, repeat, reduce or make", () => {
  const x = counting([2, 3]);
  const wrong: readonly (readonly [() => Tensor, ErrorConstructor, RegExp])[] = [
    [() => reshape(x, [4, 2]), TypeError, /\[2, 3\] to \[4, 2\]: it has 6/],
    [() => reshape(x, [4, -1]), TypeError, /\[2, 3\] to \[4, -1\]/],
    [() => reshape(x, [-1, -1]), TypeError, /\[2, 3\] to \[-1, -1\]/],
    [() => reshape(x, [0, -1]), TypeError, /\[2, 3\] to \[0, -1\]/],
    [() => reshape(x, [-2, -3]), TypeError, /\[2, 3\] to \[-2, -3\]/],
    [() => permute(x, [0]), TypeError, /\[2, 3\] by \[0\]/],
    [() => permute(x, [0, 0]), TypeError, /\[2, 3\] by \[0, 0\]/],
    [() => permute(x, [0, 2]), RangeError, /axis 2/],
    [() => permute(counting([2, 2, 2, 2, 2]), [4, 3, 2, 1, 0]), RangeError, /more than four/],
    [() => transpose(counting([3])), TypeError, /\[3\]/],
    [() => slice(x, 1, 2, 4), RangeError, /2 to 4 of axis 1 of \[2, 3\]/],
    [() => slice(x, 1, 2, 2), RangeError, /2 to 2/],
    [() => slice(x, 0, -1), RangeError, /-1 to 2/],
    [() => concat([], 0), TypeError, /no tensors/],
    [() => concat([x, counting([2, 2])], 0), TypeError, /\[2, 3\] and f32 \[2, 2\]/],
    [() => concat([x, counting([6])], 0), TypeError, /\[2, 3\] and f32 \[6\]/],
    [() => concat([x, Tensor.empty(gpu, [2, 3], "u32")], 0), TypeError, /f32 \[2, 3\] and u32 \[2, 3\]/],
    [() => slice(Tensor.empty(gpu, [4], "u8"), 0, 1), TypeError, /u8 \[4\]/],
    [() => expand(x, [3]), TypeError, /Cannot expand \[2, 3\] to \[3\]/],
    [() => expand(x, [4, 3]), TypeError, /\[2, 3\] with \[4, 3\]: 2 meets 4/],
    [() => sum(x, { axes: [0, -2] }), TypeError, /Cannot sum \[2, 3\] over axes \[0, -2\]: one comes twice/],
    [() => mean(x, { axes: [2] }), RangeError, /axis 2: the shape is \[2, 3\]/],
    [() => max(Tensor.empty(gpu, [0, 3])), RangeError, /Cannot max \[0, 3\]: it has no elements/],
    [() => full(gpu, [2, -1], 0), TypeError, /Cannot make a tensor of \[2, -1\]/],
    [() => full(gpu, [1.5, 2], 0), TypeError, /Cannot make a tensor of \[1.5, 2\]/],
    [() => x.view([-2, -3]), TypeError, /Cannot make a tensor of \[-2, -3\]/],
    [() => (fill(Tensor.empty(gpu, [4], "u8"), 1), x), TypeError, /Cannot fill u8 \[4\]/],
  ];
  for (const [run, kind, message] of wrong) {
    assert.throws(
      () => scope(run),
      (error) => error instanceof kind && message.test(String(error)),
      String(run),
    );
  }
});
