import { attention, selfAttention } from "../../../src/ops/attention.ts";
import { RandomKeys } from "../../../src/tensor/random.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { sliceValue, Value } from "../oracle.ts";
import { keepMask } from "../philox.ts";
import { type Case, withHalves } from "../table.ts";

export interface AttentionSize {
  readonly batch: number;
  readonly tokens: number;
  /** Queries that are not of the same tokens; else queries, keys and values are one tensor. */
  readonly queries?: number;
  readonly heads: number;
  readonly dim: number;
  /** How many keys of each sample take part; all if not given. */
  readonly lengths?: readonly number[];
  readonly dropout?: number;
  /** A bias of the scores, f32 in all cases: one for all samples, or one for each. */
  readonly bias?: "shared" | "own";
  readonly causal?: true;
  readonly window?: number;
  readonly range?: readonly [number, number];
}

const sizes: readonly AttentionSize[] = [
  { batch: 1, tokens: 1, heads: 1, dim: 1 },
  { batch: 1, tokens: 1, heads: 1, dim: 4 },
  { batch: 2, tokens: 5, heads: 3, dim: 8 },
  { batch: 2, tokens: 9, heads: 2, dim: 6 },
  { batch: 3, tokens: 8, heads: 2, dim: 4, lengths: [8, 3, 1] },
  { batch: 2, tokens: 7, heads: 1, dim: 3, lengths: [2, 7] },
  { batch: 2, tokens: 6, heads: 2, dim: 4, lengths: [0, 6] },
  { batch: 1, tokens: 37, heads: 2, dim: 32 },
  { batch: 2, tokens: 10, heads: 2, dim: 8, lengths: [10, 6], dropout: 0.3 },
  { batch: 2, tokens: 9, queries: 1, heads: 2, dim: 8, lengths: [9, 4], dropout: 0.3 },
  { batch: 2, tokens: 3, queries: 6, heads: 2, dim: 5 },
  { batch: 2, tokens: 6, queries: 6, heads: 2, dim: 4, lengths: [0, 6] },
  { batch: 1, tokens: 4, queries: 4, heads: 1, dim: 4, range: [-30, 30] }, // one key takes nearly all
  { batch: 3, tokens: 8, heads: 2, dim: 4, bias: "shared", lengths: [8, 3, 0] },
  { batch: 2, tokens: 7, heads: 3, dim: 4, bias: "own" },
  { batch: 2, tokens: 7, queries: 1, heads: 3, dim: 4, bias: "shared" },
  { batch: 2, tokens: 5, queries: 9, heads: 1, dim: 3, bias: "own" },
  { batch: 2, tokens: 11, heads: 2, dim: 4, causal: true, lengths: [11, 6] },
  { batch: 1, tokens: 37, heads: 2, dim: 4, window: 5 },
  { batch: 2, tokens: 13, heads: 2, dim: 4, window: 2, lengths: [13, 6] }, // the last queries see padding alone
  { batch: 1, tokens: 5, queries: 12, heads: 1, dim: 4, window: 1 },
  { batch: 1, tokens: 13, heads: 2, dim: 4, window: 3, causal: true, bias: "shared", dropout: 0.3 },
];

/** [batch, tokens, heads · dim] to [batch, heads, tokens, dim] and back. */
const split = (x: Value, heads: number) => {
  const [batch, tokens, hidden] = x.shape as [number, number, number];
  return x.reshape([batch, tokens, heads, hidden / heads]).permute(0, 2, 1, 3);
};

function oracle(
  size: AttentionSize,
  inputs: readonly Value[],
): Value {
  const { batch, tokens, queries = tokens, heads, dim, lengths, dropout = 0, causal, window = Infinity } =
    size;
  const width = heads * dim;
  const projected = size.bias ? inputs.slice(0, -1) : inputs;
  const [first, last] = [projected[0]!, projected.at(-1)!];
  const end = last.shape.at(-1)!;
  const q = sliceValue(first, 2, 0, width);
  const [k, v] = [sliceValue(last, 2, end - 2 * width, end - width), sliceValue(last, 2, end - width, end)];

  const keep = Value.of(
    [batch, 1, queries, tokens],
    Array.from({ length: batch * queries * tokens }, (_, i) => {
      const [sample, query, key] = [
        Math.floor(i / tokens / queries),
        Math.floor(i / tokens) % queries,
        i % tokens,
      ];
      const sees = Math.abs(query - key) <= window && !(causal && key > query);
      return Number(sees && key < (lengths?.[sample] ?? tokens));
    }),
  );
  const products = split(q, heads).matmul(split(k, heads).transpose()).affine(1 / Math.sqrt(dim));
  const all = size.bias ? products.add(inputs.at(-1)!) : products;
  // What a query does not see must not reach it, not even as 0 times infinity.
  const perSample = queries * tokens;
  const isSeen = (i: number) => keep.data[Math.floor(i / (heads * perSample)) * perSample + i % perSample]!;
  const orElse = (x: Value, filler: number) =>
    x.map((value, i) => isSeen(i) ? value : filler, (_, __, i) => isSeen(i));
  const scores = orElse(all, -1e30);
  const shifted = scores.sub(Value.of([batch, heads, queries, 1], scores.max(-1).data));
  const weights = orElse(shifted.exp(), 0);
  // A query with no key gives 0 / 0; its numerator is 0, so any denominator will do.
  const total = weights.sum(-1).map((x) => x === 0 ? 1 : x, (x) => x === 0 ? 0 : 1);
  const probabilities = orElse(weights.div(total), 0);
  const blocks = Math.ceil(tokens / 4);
  const rows = batch * heads * queries;
  const kept = keepMask(rows * blocks * 4, dropout, key);
  const mask = Value.of(
    [batch, heads, queries, tokens],
    Array.from(
      { length: rows * tokens },
      (_, i) => Number(kept[Math.floor(i / tokens) * blocks * 4 + i % tokens]!),
    ),
  );
  return probabilities.mul(mask.affine(1 / (1 - dropout))).matmul(split(v, heads))
    .permute(0, 2, 1, 3).reshape([batch, queries, heads * dim]);
}

const key = new RandomKeys(5, 2).next();

/** A row of the op table. */
export function attentionCase(size: AttentionSize): Case {
  const { batch, tokens, queries = tokens, heads, dim, lengths, dropout = 0, range, causal, window } = size;
  const input = (tokens: number, parts: number) => {
    const shape = [batch, tokens, parts * heads * dim];
    return range ? { shape, range } : { shape };
  };
  const inputs = size.queries === undefined ? [input(tokens, 3)] : [input(queries, 1), input(tokens, 2)];
  const bias = size.bias &&
    { shape: [...size.bias === "own" ? [batch] : [], heads, queries, tokens], single: true } as const;
  const shapes = inputs.map(({ shape }) => `[${shape}]`).join(" to ");
  const labels = [
    lengths && `lengths ${lengths}`,
    dropout && `dropout ${dropout}`,
    range && `within ${range}`,
    bias && `bias [${bias.shape}]`,
    causal && "causal",
    window && `window ${window}`,
  ];
  return {
    name: [
      size.queries === undefined ? "selfAttention" : "attention",
      shapes,
      `${heads} heads`,
      ...labels.filter(Boolean),
    ].join(", "),
    inputs: bias ? [...inputs, bias] : inputs,
    op: (...all) => {
      const [q, kv] = all.slice(0, inputs.length);
      const mask = lengths && Tensor.from(
        q!.gpu,
        Uint32Array.from(
          { length: batch * tokens },
          (_, i) => Number(i % tokens < lengths[Math.floor(i / tokens)]!),
        ),
        [batch, tokens],
      );
      const options = {
        heads,
        ...(mask && { mask }),
        ...(bias && { bias: all.at(-1)! }),
        ...(causal && { causal }),
        ...(window && { window }),
        dropout: { probability: dropout, key },
      };
      return kv ? attention(q!, kv, options) : selfAttention(q!, options);
    },
    oracle: (...inputs) => oracle(size, inputs),
  };
}

export const attentionCases: readonly Case[] = withHalves(sizes.map(attentionCase), {
  gradient: 1e-3,
  reason: "f16 rounds the result, which backward reads",
});
