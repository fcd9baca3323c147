/** Attention beyond the op table: what it refuses, and that both forms agree. */
import assert from "node:assert/strict";
import { attention, selfAttention } from "../../src/ops/attention.ts";
import { slice } from "../../src/ops/shape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

Deno.test("attention refuses what does not fit, naming the shapes of both sides", () => {
  scope(() => {
    const of = (...shape: number[]) => Tensor.empty(gpu, shape);
    const mask = (...shape: number[]) => Tensor.empty(gpu, shape, "u32");
    const refused: readonly (readonly [op: () => unknown, message: RegExp])[] = [
      [() => attention(of(2, 3, 8), of(2, 5, 8), { heads: 2 }), /\[2, 3, 8\].*\[2, 5, 8\].*2 · heads · dim/],
      [() => attention(of(2, 3, 8), of(1, 5, 16), { heads: 2 }), /\[2, 3, 8\].*\[1, 5, 16\]/],
      [() => attention(of(3, 8), of(3, 16), { heads: 2 }), /\[3, 8\].*\[3, 16\]/],
      [() => selfAttention(of(2, 3, 8), { heads: 2 }), /within \[2, 3, 8\].*3 · heads · dim/],
      [() => selfAttention(of(6, 24), { heads: 2 }), /within \[6, 24\]/],
      [() => selfAttention(of(2, 3, 24), { heads: 3 }), /a width of 8 is not divisible by 3 heads/],
      [() => selfAttention(of(2, 3, 9), { heads: 1.5 }), /a width of 3 is not divisible by 1.5 heads/],
      [() => selfAttention(of(2, 3, 24), { heads: 2, mask: mask(2, 4) }), /3 keys of 2 samples by \[2, 4\]/],
      [
        () => selfAttention(of(2, 3, 24), { heads: 2, bias: of(2, 3, 4) }),
        /bias of \[2, 3, 4\] to the scores of \[2, 2, 3, 3\]/,
      ],
      [() => selfAttention(of(2, 3, 24), { heads: 2, bias: of(1, 2, 3, 3) }), /bias of \[1, 2, 3, 3\]/],
      [() => selfAttention(of(2, 3, 24), { heads: 2, bias: mask(2, 3, 3) }), /it takes f32/],
      [() => selfAttention(of(2, 3, 24), { heads: 2, window: 1.5 }), /window of 1.5/],
    ];
    for (const [op, message] of refused) assert.throws(op, message);
  });
});

Deno.test("attention within one tensor is that between its parts, to the bit", async () => {
  const [batch, tokens, width] = [2, 7, 8];
  const shape = [batch, tokens, 3 * width];
  const values = Float32Array.from({ length: batch * tokens * 3 * width }, (_, i) => Math.sin(i));
  const [whole, parts] = scope(() => {
    const qkv = Tensor.from(gpu, values, shape);
    const q = slice(qkv, 2, 0, width);
    const kv = slice(qkv, 2, width, 3 * width);
    return [selfAttention(qkv, { heads: 2 }), attention(q, kv, { heads: 2 })];
  }) as [Tensor, Tensor];
  assert.deepEqual(await whole.read(), await parts.read());
  for (const tensor of [whole, parts]) tensor.dispose();
});
