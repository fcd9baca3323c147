import { cast } from "../../../src/ops/cast.ts";
import { argmax, gatherRows, selectRows } from "../../../src/ops/indexing.ts";
import { indices } from "../../../src/ops/indices.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { product, Value } from "../oracle.ts";
import { type Case, generator } from "../table.ts";

interface Gather {
  readonly name: string;
  readonly rows: number;
  readonly width: number;
  readonly shape: readonly number[];
  /** The row at a position. */
  readonly row: (position: number) => number;
}

const random = generator(7);
const any = (rows: number) => () => Math.floor(random() * rows);

const gathers: readonly Gather[] = [
  { name: "one row", rows: 1, width: 1, shape: [1], row: () => 0 },
  { name: "a single number", rows: 3, width: 2, shape: [], row: () => 2 },
  { name: "odd", rows: 7, width: 5, shape: [3, 11], row: any(7) },
  { name: "four at a time", rows: 30, width: 12, shape: [5, 9], row: any(30) },
  { name: "rows never taken", rows: 90, width: 8, shape: [2, 3], row: (p) => 17 * p },
  { name: "positions", rows: 16, width: 4, shape: [9, 16], row: (p) => p % 16 },
  {
    name: "types: one row almost everywhere",
    rows: 2,
    width: 4,
    shape: [20, 61],
    row: (p) => Number(p === 3),
  },
  { name: "several chunks a row", rows: 3, width: 3, shape: [40, 80], row: (p) => p % 7 % 3 },
];

const selects: readonly { shape: readonly number[]; chosen: (row: number) => number }[] = [
  { shape: [1], chosen: () => 1 },
  { shape: [1, 1], chosen: () => 0 },
  { shape: [7, 5], chosen: (row) => row % 2 },
  { shape: [6, 2, 4], chosen: (row) => row % 3 }, // any number but 0 chooses a
];

const argmaxShapes: readonly (readonly number[])[] = [[1], [1, 1], [3, 7], [2, 3, 101], [1, 5000], [
  70000,
  3,
]];

function argmaxOf(x: Value): Value {
  const columns = x.shape.at(-1)!;
  const shape = x.shape.slice(0, -1);
  const places = Float64Array.from({ length: product(shape) }, (_, row) => {
    const values = x.data.subarray(row * columns, (row + 1) * columns);
    return values.indexOf(Math.max(...values));
  });
  return new Value(shape, places);
}

const gatherCases = gathers.flatMap(({ name, rows, width, shape, row }): Case[] => {
  const ids = Uint32Array.from({ length: product(shape) }, (_, position) => row(position));
  const index = Array.from(
    { length: ids.length * width },
    (_, i) => ids[Math.floor(i / width)]! * width + i % width,
  );
  const gather = (x: Tensor, dtype?: "f16") => gatherRows(x, indices(x.gpu, ids, shape, { rows }), dtype);
  const inputs = [{ shape: [rows, width] }];
  const oracle = (x: Value) => x.gather([...shape, width], index);
  return [
    { name: `gatherRows ${name} [${rows}, ${width}] [${shape}]`, inputs, op: (x) => gather(x), oracle },
    {
      name: `gatherRows to f16 ${name} [${rows}, ${width}] [${shape}]`,
      inputs,
      op: (x) => cast(gather(x, "f16"), "f32"),
      oracle,
      rounded: true,
    },
  ];
});

export const indexingCases: readonly Case[] = [
  ...gatherCases,
  ...selects.map(({ shape, chosen }): Case => {
    const mask = Uint32Array.from({ length: shape[0]! }, (_, row) => chosen(row));
    const width = product(shape.slice(1));
    const side = (a: boolean) =>
      Array.from({ length: product(shape) }, (_, i) => (mask[Math.floor(i / width)] !== 0) === a ? i : -1);
    return {
      name: `selectRows [${shape}]`,
      inputs: [{ shape }, { shape }],
      op: (a, b) => selectRows(Tensor.from(a.gpu, mask, [mask.length]), a, b),
      oracle: (a, b) => a.gather(shape, side(true)).add(b.gather(shape, side(false))),
    };
  }),
  {
    name: "selectRows with a gradient on one side only",
    inputs: [{ shape: [2, 3], constant: true }, { shape: [2, 3] }],
    op: (a, b) => selectRows(Tensor.from(a.gpu, Uint32Array.of(0, 1), [2]), a, b),
    oracle: (a, b) => a.gather([2, 3], [-1, -1, -1, 3, 4, 5]).add(b.gather([2, 3], [0, 1, 2, -1, -1, -1])),
  },
  ...argmaxShapes.map((shape): Case => ({
    name: `argmax [${shape}]`,
    inputs: [{ shape }],
    op: argmax,
    oracle: argmaxOf,
    forwardOnly: true,
  })),
  {
    name: "argmax takes the first of equals, wherever they lie",
    inputs: [{
      shape: [5, 1000],
      values: Array.from(
        { length: 5000 },
        (_, i) =>
          [
            () => -3,
            () => Number(i % 1000 >= 30),
            (n: number) => Number(n === 8 || n === 999),
            (n: number) => Number(n === 7 || n === 8),
            (n: number) => Number(n === 257 || n === 3),
          ][Math.floor(i / 1000)]!(i % 1000),
      ),
    }],
    op: argmax,
    oracle: argmaxOf,
    forwardOnly: true,
  },
  {
    name: "argmax of minus infinities",
    inputs: [{ shape: [2, 3], values: [-Infinity, -3e38, -Infinity, -Infinity, -Infinity, -Infinity] }],
    op: argmax,
    oracle: argmaxOf,
    forwardOnly: true,
  },
];
