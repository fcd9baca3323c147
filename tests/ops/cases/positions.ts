/** Ops by the places of tokens: relative scores, rotary positions. */
import { placeTables, relativeScores } from "../../../src/ops/relative.ts";
import { rotary, rotaryTurns } from "../../../src/ops/rotary.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { concatValues, product, sliceValue, Value } from "../oracle.ts";
import { type Case, withHalves } from "../table.ts";

interface Relative {
  readonly heads: number;
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly sides: readonly ("queries" | "keys")[];
  /** The furthest distance in the tables, those beyond `clamp` being at its place. */
  readonly furthest: number;
  readonly clamp: number;
  /** The places that the columns stand for, of 2 · clamp + 1. */
  readonly first?: number;
  readonly places?: number;
}

const relatives: readonly Relative[] = [
  { heads: 1, batch: 1, queries: 1, keys: 1, sides: ["queries"], furthest: 0, clamp: 0 },
  { heads: 2, batch: 3, queries: 5, keys: 5, sides: ["queries", "keys"], furthest: 4, clamp: 4 },
  { heads: 3, batch: 2, queries: 9, keys: 9, sides: ["queries", "keys"], furthest: 12, clamp: 3 },
  { heads: 2, batch: 2, queries: 7, keys: 7, sides: ["keys"], furthest: 7, clamp: 2 },
  {
    heads: 2,
    batch: 2,
    queries: 7,
    keys: 7,
    sides: ["queries"],
    furthest: 20,
    clamp: 20,
    first: 13,
    places: 15,
  },
  { heads: 2, batch: 2, queries: 1, keys: 6, sides: ["queries", "keys"], furthest: 8, clamp: 4 }, // the first token alone
  { heads: 2, batch: 1, queries: 6, keys: 2, sides: ["queries", "keys"], furthest: 5, clamp: 9 },
];

const relativeCases = relatives.map((row): Case => {
  const { heads, batch, queries, keys, sides, furthest, clamp, first = 0, places = 2 * clamp + 1 } = row;
  const place = (distance: number) => Math.max(-clamp, Math.min(distance, clamp)) + clamp;
  const inputs = sides.map((side) => ({ shape: [heads, batch, row[side], places] }));
  const index = (side: "queries" | "keys") =>
    Array.from({ length: batch * heads * queries * keys }, (_, i) => {
      const [k, q, pair] = [i % keys, Math.floor(i / keys) % queries, Math.floor(i / keys / queries)];
      const line = (pair % heads) * batch + Math.floor(pair / heads);
      return (line * row[side] + (side === "queries" ? q : k)) * places + place(q - k) - first;
    });
  return {
    name: `relativeScores of ${
      inputs.map(({ shape }) => `[${shape}]`).join(" and ")
    } of ${sides.join(" and ")}, ` +
      `[${queries}, ${keys}] tokens, places from ${first} on`,
    inputs,
    op: (...given) => {
      const { gpu } = given[0]!;
      const { placeOf, starts } = placeTables(furthest, 2 * clamp + 1, place);
      const side = (name: "queries" | "keys") =>
        given[sides.indexOf(name)] ?? row[name];
      return relativeScores(side("queries"), side("keys"), {
        placeOf: Tensor.from(gpu, placeOf, [placeOf.length]),
        starts: Tensor.from(gpu, starts, [starts.length]),
        first,
        scale: 0.7,
      });
    },
    oracle: (...given) =>
      given.map((x, i) => x.gather([batch, heads, queries, keys], index(sides[i]!)))
        .reduce((a, b) => a.add(b)).affine(0.7),
  };
});

interface Turned {
  readonly shape: readonly [batch: number, tokens: number, width: number];
  readonly dim: number;
  readonly turned: number;
  readonly places: number;
}

const turned: readonly Turned[] = [
  { shape: [1, 1, 2], dim: 2, turned: 1, places: 1 },
  { shape: [2, 7, 24], dim: 8, turned: 2, places: 9 }, // queries and keys turn, values do not
  { shape: [3, 5, 12], dim: 6, turned: 2, places: 5 },
];

const rotaryCases = turned.map(({ shape, dim, turned, places }): Case => ({
  name: `rotary [${shape}], ${turned} heads of ${dim}, ${places} places`,
  inputs: [{ shape }],
  op: (x) => rotary(x!, Tensor.from(x!.gpu, rotaryTurns(places, dim, 100), [places, 2, dim / 2]), turned),
  oracle: (x) => {
    const [batch, tokens, width] = shape;
    const split = x!.reshape([batch, tokens, width / dim, dim]);
    const [heads, others] = [
      sliceValue(split, 2, 0, turned),
      turned * dim < width ? sliceValue(split, 2, turned, width / dim) : undefined,
    ];
    const angles = (f: (angle: number) => number) =>
      Value.of(
        [tokens, 1, dim],
        Array.from(
          { length: product([tokens, dim]) },
          (_, i) => f(Math.floor(i / dim) * 100 ** (-2 * (i % (dim / 2)) / dim)),
        ),
      );
    const [low, high] = [sliceValue(heads, 3, 0, dim / 2), sliceValue(heads, 3, dim / 2, dim)];
    const crossed = concatValues([high.affine(-1), low], 3);
    const made = heads.mul(angles(Math.cos)).add(crossed.mul(angles(Math.sin)));
    return (others ? concatValues([made, others], 2) : made).reshape(shape);
  },
}));

export const positionCases: readonly Case[] = withHalves([...relativeCases, ...rotaryCases]);
