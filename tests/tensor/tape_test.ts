/** Scopes and the tape: who frees what, and how gradients add up. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import { argmax } from "../../src/ops/indexing.ts";
import { add, mul } from "../../src/ops/arithmetic.ts";
import { exp, relu, scale } from "../../src/ops/pointwise.ts";
import { sum } from "../../src/ops/reduce.ts";
import { detach } from "../../src/ops/shape.ts";
import { capture, scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const gpu = await Gpu.open();

const leaf = (...values: number[]) => Tensor.from(gpu, Float32Array.from(values), [values.length], true);
const values = async (tensor: Tensor | undefined) => [...await tensor!.read()];

Deno.test("scope() frees what it made but for what it returns, however nested", () => {
  const start = gpu.memory.live;
  const kept = scope(() => {
    const x = leaf(1, 2, 3);
    return scope(() => ({ inner: [noGrad(() => exp(x)), noGrad(() => relu(x))] }));
  });
  assert.equal(gpu.memory.live, start + 2 * 256);
  for (const tensor of kept.inner) tensor.dispose();
  assert.equal(gpu.memory.live, start);
});

Deno.test("scope() frees what it made when its body throws", () => {
  const start = gpu.memory.live;
  assert.throws(() =>
    scope(() => {
      leaf(1);
      throw new Error("no");
    }), /no/);
  assert.equal(gpu.memory.live, start);
});

Deno.test("capture() makes the caller a holder, of tensors made outside as well", () => {
  const start = gpu.memory.live;
  const x = leaf(1);
  const [same, other] = capture(() => [x, noGrad(() => exp(x))]);
  x.dispose();
  assert.equal(same, x);
  same!.dispose();
  other!.dispose();
  assert.equal(gpu.memory.live, start);
});

Deno.test("a disposed tensor cannot be used", () => {
  const x = leaf(1);
  x.dispose();
  assert.throws(() => x.buffer, /disposed/);
  assert.throws(() => x.dispose(), /disposed/);
});

Deno.test("the tape holds what a gradient reads after its scope has ended, and lets go as it unwinds", async () => {
  const start = gpu.memory.live;
  const x = leaf(0.5, -1);
  const y = scope(() => scope(() => mul(exp(x), exp(x))));
  assert.ok(gpu.memory.live > start + 2 * 256, "exp(x) is held");
  backward(y, Tensor.from(gpu, Float32Array.of(1, 1), [2]));
  const gradient = await values(x.grad);
  [0.5, -1].forEach((v, i) => assert.ok(Math.abs(gradient[i]! - 2 * Math.exp(2 * v)) < 1e-5));
});

Deno.test("gradients add up: over uses of a tensor, over calls of backward, and in their own memory", async () => {
  const x = leaf(3);
  const z = leaf(5);
  for (const calls of [1, 2]) {
    backward(add(add(x, z), x));
    assert.deepEqual(await values(x.grad), [2 * calls]);
    assert.deepEqual(await values(z.grad), [calls]);
  }
  assert.notEqual(x.grad!.buffer, z.grad!.buffer, "leaves never share a gradient");
});

Deno.test("detach() and noGrad() cut the gradient", async () => {
  const x = leaf(2);
  const y = mul(x, detach(exp(x)));
  backward(sum(y));
  assert.ok(Math.abs((await values(x.grad))[0]! - Math.exp(2)) < 1e-4);
  assert.equal(noGrad(() => exp(x)).requiresGrad, false);
});

Deno.test("an op without a gradient refuses an input that wants one", () => {
  assert.throws(() => argmax(leaf(1, 2)), /TypeError.*differentiate argmax/);
  argmax(detach(leaf(1, 2)));
});

Deno.test("backward() refuses a seed of another shape or type, and an output that nothing led to", () => {
  assert.throws(() => backward(exp(leaf(1, 2)), Tensor.from(gpu, Float32Array.of(1), [1])), /\[2\].*\[1\]/);
  const seed = cast(Tensor.from(gpu, Float32Array.of(1, 1), [2]), "f16");
  assert.throws(() => backward(exp(leaf(1, 2)), seed), /TypeError.*f32 \[2\] and f16 \[2\]/);
  assert.throws(() => backward(Tensor.from(gpu, Float32Array.of(1), [1])), /depends on nothing/);
});

Deno.test("shapes are checked before anything is allocated, and both sides are shown", () => {
  const live = gpu.memory.live;
  const [a, b] = [leaf(1, 2), leaf(1, 2, 3)];
  const held = gpu.memory.live;
  assert.throws(() => add(a, b), /TypeError.*\[2\] with \[3\]: 2 meets 3/);
  assert.throws(() => scale(Tensor.from(gpu, Uint32Array.of(1), [1]), 2), /TypeError.*u32 \[1\]/);
  assert.ok(gpu.memory.live - held <= 256 && held > live);
});
