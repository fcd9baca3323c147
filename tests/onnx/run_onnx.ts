/** Runs a graph of ONNX in float64, node by node as the standard describes each operator: an oracle, and no fast one. */
import type { ReadModel, ReadNode } from "./read_onnx.ts";

export interface Array_ {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** The values of all outputs by name. Throws where an input has not the declared shape, equal names not being equal sizes. */
export function runOnnx(model: ReadModel, inputs: Readonly<Record<string, Array_>>): Record<string, Array_> {
  const sizes = new Map<string, number>();
  const check = (name: string, declared: readonly (number | string)[], { shape, data }: Array_) => {
    const wanted = declared.map((size, axis) => {
      if (typeof size === "number") return size;
      if (!sizes.has(size)) sizes.set(size, shape[axis]!);
      return sizes.get(size)!;
    });
    if (String(wanted) !== String(shape) || data.length !== sizeOf(shape)) {
      throw new Error(`${name} is [${shape}] of ${data.length} values, not [${wanted}]`);
    }
  };
  const values = new Map<string, Array_>();
  for (const { name, shape } of model.inputs) {
    check(name, shape, inputs[name]!);
    values.set(name, inputs[name]!);
  }
  for (const { name, shape, values: data } of model.tensors) values.set(name, { shape, data });
  for (const node of model.nodes) {
    const given = node.inputs.map((name) => {
      const value = values.get(name);
      if (value === undefined) throw new Error(`${node.outputs[0]} reads ${name} before it is there`);
      return value;
    });
    const operator = OPERATORS[node.operator];
    if (operator === undefined) throw new Error(`no operator ${node.operator}`);
    values.set(node.outputs[0]!, operator(given as Given, node.attributes));
  }
  return Object.fromEntries(model.outputs.map(({ name, shape }) => {
    check(name, shape, values.get(name)!);
    return [name, values.get(name)!];
  }));
}

type Given = [Array_, Array_, Array_, Array_, Array_];
type Operator = (inputs: Given, attributes: ReadNode["attributes"]) => Array_;

const map = (f: (x: number) => number): Operator => ([x]) => ({ shape: x.shape, data: x.data.map(f) });

/** The places in `from` of all elements of `to`, axes being aligned at the end and those of size 1 repeated. */
function places(from: readonly number[], to: readonly number[]): number[] {
  const missing = to.length - from.length;
  return Array.from({ length: sizeOf(to) }, (_, at) => {
    let place = 0, stride = 1, rest = at;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      const index = rest % to[axis]!;
      rest = Math.floor(rest / to[axis]!);
      const size = from[axis - missing] ?? 1;
      place += size === 1 ? 0 : index * stride;
      stride *= size;
    }
    return place;
  });
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [m, n] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (m !== n && m !== 1 && n !== 1) throw new Error(`cannot broadcast [${a}] and [${b}]`);
    return m === 1 ? n : m;
  });
}

function zip(f: (a: number, b: number) => number): Operator {
  return ([a, b]) => {
    const shape = broadcast(a.shape, b.shape);
    const [left, right] = [places(a.shape, shape), places(b.shape, shape)];
    return { shape, data: left.map((place, i) => f(a.data[place]!, b.data[right[i]!]!)) };
  };
}

/** Rows of the last axis, each changed as a whole. */
function rows(x: Array_, f: (row: readonly number[]) => readonly number[]): Array_ {
  const width = x.shape.at(-1)!;
  const data = Array.from(
    { length: x.data.length / width },
    (_, i) => f(x.data.slice(i * width, (i + 1) * width)),
  );
  return { shape: x.shape, data: data.flat() };
}

/** The error function by its series, and near ±1 where that no longer converges. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; n < 200; n++) sum += (term *= -x * x / n) / (2 * n + 1);
  return 2 / Math.sqrt(Math.PI) * sum;
}

/** The sizes before, at and after an axis. */
function around(shape: readonly number[], axis: number): [before: number, size: number, after: number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))];
}

/** Sums along an axis, divided by a number. */
function reduced(x: Array_, axis: number, keep: boolean, by: number): Array_ {
  const [before, size, after] = around(x.shape, axis);
  const data = Array.from({ length: before * after }, (_, at) => {
    const start = Math.floor(at / after) * size * after + at % after;
    let sum = 0;
    for (let i = 0; i < size; i++) sum += x.data[start + i * after]!;
    return sum / by;
  });
  return { shape: keep ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1), data };
}

const OPERATORS: Readonly<Record<string, Operator>> = {
  Identity: ([x]) => x,
  Cast: ([x]) => x,
  Cos: map(Math.cos),
  Sin: map(Math.sin),
  Relu: map((x) => Math.max(x, 0)),
  Tanh: map(Math.tanh),
  ReduceSum: ([x, { data: [axis] }], { keepdims }) => reduced(x, axis!, keepdims === 1, 1),
  ReduceMean: ([x, { data: [axis] }], { keepdims }) => reduced(x, axis!, keepdims === 1, x.shape[axis!]!),
  ArgMax: ([x], { axis }) => {
    if (axis !== x.shape.length - 1) throw new Error(`ArgMax along ${axis}`);
    const largest = rows(x, (row) => [row.indexOf(Math.max(...row))]);
    return { ...largest, shape: x.shape.with(-1, 1) };
  },
  Sigmoid: map((x) => 1 / (1 + Math.exp(-x))),
  Gelu: ([x], { approximate }) => {
    const inner = (v: number) =>
      approximate === "tanh"
        ? Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))
        : erf(v / Math.SQRT2);
    return { shape: x.shape, data: x.data.map((v) => v * (1 + inner(v)) / 2) };
  },
  Add: zip((a, b) => a + b),
  Sub: zip((a, b) => a - b),
  Mul: zip((a, b) => a * b),
  Div: zip((a, b) => a / b),
  Equal: zip((a, b) => Number(a === b)),
  GreaterOrEqual: zip((a, b) => Number(a >= b)),
  Where([condition, yes, no]) {
    const shape = broadcast(condition.shape, broadcast(yes.shape, no.shape));
    const [c, y, n] = [condition, yes, no].map((one) =>
      places(one.shape, shape).map((place) => one.data[place]!)
    );
    return { shape, data: c!.map((holds, i) => holds ? y![i]! : n![i]!) };
  },
  Expand([x, { data: wanted }]) {
    const shape = broadcast(x.shape, wanted);
    return { shape, data: places(x.shape, shape).map((place) => x.data[place]!) };
  },
  MatMul([a, b]) {
    const [m, k] = a.shape.slice(-2) as [number, number];
    const [inner, n] = b.shape.slice(-2) as [number, number];
    if (inner !== k) throw new Error(`cannot multiply [${a.shape}] by [${b.shape}]`);
    const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const [left, right] = [places(a.shape.slice(0, -2), batch), places(b.shape.slice(0, -2), batch)];
    const data = left.flatMap((from, at) =>
      Array.from({ length: m * n }, (_, i) => {
        const [row, column] = [from * m + Math.floor(i / n), right[at]! * k];
        let sum = 0;
        for (let j = 0; j < k; j++) sum += a.data[row * k + j]! * b.data[(column + j) * n + i % n]!;
        return sum;
      })
    );
    return { shape: [...batch, m, n], data };
  },
  Log: map(Math.log),
  LpNormalization: ([x]) =>
    rows(x, (row) => {
      const norm = Math.hypot(...row);
      return row.map((value) => value / norm);
    }),
  Softmax: ([x]) =>
    rows(x, (row) => {
      const top = Math.max(...row);
      const powers = row.map((value) => Math.exp(value - top));
      const sum = powers.reduce((a, b) => a + b);
      return powers.map((power) => power / sum);
    }),
  LayerNormalization: ([x, gain, shift], { epsilon }) =>
    rows(x, (row) => {
      const mean = row.reduce((a, b) => a + b) / row.length;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
      const std = Math.sqrt(variance + (epsilon as number));
      return row.map((value, i) => (value - mean) / std * gain.data[i]! + (shift?.data[i] ?? 0));
    }),
  CumSum: ([x]) => rows(x, (row) => row.map((_, i) => row.slice(0, i + 1).reduce((a, b) => a + b))),
  Shape: ([x], { start, end }) => {
    const data = x.shape.slice(start as number, end as number);
    return { shape: [data.length], data };
  },
  Reshape([x, { data: sizes }]) {
    const shape = sizes.map((size, axis) => size === 0 ? x.shape[axis]! : size);
    const rest = x.data.length / -sizeOf(shape);
    return { shape: shape.map((size) => size === -1 ? rest : size), data: x.data };
  },
  Transpose([x], { perm }) {
    const order = perm as readonly number[];
    const shape = order.map((axis) => x.shape[axis]!);
    const stride = (axis: number) => sizeOf(x.shape.slice(axis + 1));
    const data = Array.from({ length: x.data.length }, (_, at) => {
      let place = 0, rest = at;
      for (let axis = order.length - 1; axis >= 0; axis--) {
        place += rest % shape[axis]! * stride(order[axis]!);
        rest = Math.floor(rest / shape[axis]!);
      }
      return x.data[place]!;
    });
    return { shape, data };
  },
  Squeeze: ([x]) => ({ shape: x.shape.filter((size) => size !== 1), data: x.data }),
  Range([{ data: [start] }, { data: [end] }, { data: [step] }]) {
    const data = Array.from({ length: Math.ceil((end! - start!) / step!) }, (_, i) => start! + i * step!);
    return { shape: [data.length], data };
  },
  Slice([x, { data: [begin] }, { data: [end] }, { data: [given] }]) {
    const axis = given! < 0 ? given! + x.shape.length : given!;
    const [before, size, after] = around(x.shape, axis);
    const data = Array.from(
      { length: before },
      (_, i) => x.data.slice((i * size + begin!) * after, (i * size + Math.min(end!, size)) * after),
    );
    return { shape: x.shape.with(axis, Math.min(end!, size) - begin!), data: data.flat() };
  },
  Concat(given, attributes) {
    const axis = attributes.axis as number;
    const [before] = around(given[0].shape, axis);
    const data = Array.from({ length: before }, (_, i) =>
      given.map((x) => {
        const [, size, after] = around(x.shape, axis);
        return x.data.slice(i * size * after, (i + 1) * size * after);
      }));
    const size = given.reduce((sum, { shape }) => sum + shape[axis]!, 0);
    return { shape: given[0].shape.with(axis, size), data: data.flat(2) };
  },
  GatherElements([x, ids], { axis }) {
    const [, size, after] = around(x.shape, axis as number);
    const [, count] = around(ids.shape, axis as number);
    const data = ids.data.map((id, i) => {
      if (!(id >= 0 && id < size)) throw new Error(`element ${id} of ${size}`);
      return x.data[(Math.floor(i / (count * after)) * size + id) * after + i % after]!;
    });
    return { shape: ids.shape, data };
  },
  Gather([table, ids]) {
    const [, rowCount, width] = around(table.shape, 0);
    const data = ids.data.map((id) => {
      if (!(id >= 0 && id < rowCount)) throw new Error(`row ${id} of a table of ${rowCount}`);
      return table.data.slice(id * width, (id + 1) * width);
    });
    return { shape: [...ids.shape, ...table.shape.slice(1)], data: data.flat() };
  },
  Conv([x, kernels, bias], { strides, pads = [0, 0, 0, 0], group = 1 }) {
    const [outputs, inputs] = kernels.shape as [number, number, number, number];
    const perGroup = outputs / (group as number);
    return windows(x, outputs, kernels.shape.slice(2), strides, pads, (image, output, places) => {
      let sum = bias?.data[output] ?? 0;
      for (let c = 0; c < inputs; c++) {
        const from = Math.floor(output / perGroup) * inputs + c;
        places.forEach((place, tap) => {
          if (place === undefined) return;
          sum += at(x, image, from, place) * kernels.data[(output * inputs + c) * places.length + tap]!;
        });
      }
      return sum;
    });
  },
  MaxPool: ([x], { kernel_shape, strides, pads }) =>
    windows(
      x,
      x.shape[1]!,
      kernel_shape,
      strides,
      pads,
      (image, channel, places) =>
        Math.max(
          ...places.filter((place) => place !== undefined).map((place) => at(x, image, channel, place)),
        ),
    ),
  AveragePool: ([x], { kernel_shape, strides, pads, count_include_pad }) =>
    windows(x, x.shape[1]!, kernel_shape, strides, pads, (image, channel, places) => {
      if (count_include_pad !== 1) throw new Error("padded zeros are to count");
      const sum = places.reduce<number>(
        (sum, place) => place === undefined ? sum : sum + at(x, image, channel, place),
        0,
      );
      return sum / places.length;
    }),
  GlobalAveragePool: ([x]) => {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const kernel = [height, width];
    const whole = windows(
      x,
      channels,
      kernel,
      [1, 1],
      [0, 0, 0, 0],
      (image, channel, places) =>
        places.reduce<number>((sum, place) => sum + at(x, image, channel, place!), 0) / places.length,
    );
    return { shape: [batch, channels, 1, 1], data: whole.data };
  },
  BatchNormalization([x, gain, shift, mean, variance], { epsilon }) {
    const [, channels, ...size] = x.shape as [number, number, ...number[]];
    const data = x.data.map((value, i) => {
      const c = Math.floor(i / sizeOf(size)) % channels;
      const unit = (value - mean.data[c]!) / Math.sqrt(variance.data[c]! + (epsilon as number));
      return unit * gain.data[c]! + shift.data[c]!;
    });
    return { shape: x.shape, data };
  },
};

/** One element of maps [batch, channels, height, width]; `place` counts over height and width. */
function at({ shape, data }: Array_, image: number, channel: number, place: number): number {
  return data[(image * shape[1]! + channel) * sizeOf(shape.slice(2)) + place]!;
}

/** Maps each window to a number; its places are given row by row, undefined where there is only padding. */
function windows(
  { shape: [batch, , height, width] }: Array_,
  channels: number,
  kernel: unknown,
  strides: unknown,
  pads: unknown,
  of: (image: number, channel: number, places: readonly (number | undefined)[]) => number,
): Array_ {
  const [[kernelY, kernelX], [strideY, strideX], [top, left, bottom, right]] = [kernel, strides, pads].map(
    (one) => one as readonly number[],
  ) as [readonly [number, number], readonly [number, number], readonly [number, number, number, number]];
  const rows = Math.floor((height! + top + bottom - kernelY) / strideY) + 1;
  const columns = Math.floor((width! + left + right - kernelX) / strideX) + 1;
  const shape = [batch!, channels, rows, columns];
  const data = Array.from({ length: sizeOf(shape) }, (_, i) => {
    const column = i % columns, row = Math.floor(i / columns) % rows;
    const channel = Math.floor(i / columns / rows) % channels;
    const places = Array.from({ length: kernelY * kernelX }, (_, tap) => {
      const y = row * strideY - top + Math.floor(tap / kernelX), x = column * strideX - left + tap % kernelX;
      return y < 0 || x < 0 || y >= height! || x >= width! ? undefined : y * width! + x;
    });
    return of(Math.floor(i / columns / rows / channels), channel, places);
  });
  return { shape, data };
}
