import { dropout } from "../../../src/ops/dropout.ts";
import { add } from "../../../src/ops/arithmetic.ts";
import { RandomKeys } from "../../../src/tensor/random.ts";
import { product, Value } from "../oracle.ts";
import { keepMask } from "../philox.ts";
import { type Case, withHalves } from "../table.ts";

const rows: readonly { shape: readonly number[]; probability: number; seed: number }[] = [
  { shape: [1], probability: 0.5, seed: 0 },
  { shape: [7], probability: 0.1, seed: 2 ** 53 - 1 },
  { shape: [3, 5, 11], probability: 0.9, seed: 12345 },
  { shape: [70, 33], probability: 0.25, seed: 2 ** 32 },
];

export const dropoutCases: readonly Case[] = withHalves([
  ...rows.flatMap(({ shape, probability, seed }): Case[] => {
    const key = new RandomKeys(seed, 3).next();
    const kept = Value.of(shape, keepMask(product(shape), probability, key));
    const dropped = (x: Value) => x.mul(kept).affine(1 / (1 - probability));
    const name = `[${shape}] with ${probability} and seed ${seed}`;
    return [
      {
        name: `dropout ${name}`,
        inputs: [{ shape }],
        op: (x) => dropout(x, probability, key),
        oracle: dropped,
      },
      {
        name: `dropout and add ${name}`,
        inputs: [{ shape }, { shape }],
        op: (x, addend) => dropout(x, probability, key, addend),
        oracle: (x, addend) => addend!.add(dropped(x)),
      },
    ];
  }),
  {
    name: "dropout with 0 gives its input",
    inputs: [{ shape: [5] }],
    op: (x) => add(dropout(x, 0, new RandomKeys(1, 1).next()), x),
    oracle: (x) => x.affine(2),
  },
]);
