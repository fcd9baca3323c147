/**
 * The float64 oracle: arrays with reverse-mode differentiation, from a handful of primitives. What the ops under test
 * fuse and derive by hand is composed here, so its gradient follows from the chain rule alone.
 */

type Pull = (dy: Float64Array) => void;

export function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Visits every index of `shape` with the offsets that walking `strides` gives. */
function walk(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (i: number, offsets: number[]) => void,
) {
  const at = shape.map(() => 0);
  const offsets = strides.map(() => 0);
  const total = product(shape);
  for (let i = 0; i < total; i++) {
    visit(i, offsets);
    for (let d = shape.length - 1; d >= 0; d--) {
      at[d]!++;
      strides.forEach((stride, s) => offsets[s]! += stride[d]!);
      if (at[d]! < shape[d]!) break;
      strides.forEach((stride, s) => offsets[s]! -= stride[d]! * shape[d]!);
      at[d] = 0;
    }
  }
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, i) => product(shape.slice(i + 1)));
}

function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const strides = rowMajor(shape);
  return to.map((_, i) => {
    const j = i - to.length + shape.length;
    return j < 0 || shape[j] === 1 ? 0 : strides[j]!;
  });
}

export class Value {
  readonly grad: Float64Array;
  readonly #inputs: readonly Value[];
  readonly #pull: Pull;

  constructor(
    readonly shape: readonly number[],
    readonly data: Float64Array,
    inputs: readonly Value[] = [],
    pull: Pull = () => {},
  ) {
    if (product(shape) !== data.length) throw new Error(`oracle: [${shape}] does not hold ${data.length}`);
    this.grad = new Float64Array(data.length);
    this.#inputs = inputs;
    this.#pull = pull;
  }

  static of(shape: readonly number[], data: ArrayLike<number>): Value {
    return new Value(shape, Float64Array.from(data));
  }

  /** Fills `grad` of everything this value depends on, from the gradient `seed` of this value. */
  backward(seed: ArrayLike<number>): void {
    const order: Value[] = [];
    const seen = new Set<Value>();
    const visit = (value: Value) => {
      if (seen.has(value)) return;
      seen.add(value);
      value.#inputs.forEach(visit);
      order.push(value);
    };
    visit(this);
    this.grad.set(seed);
    for (const value of order.reverse()) value.#pull(value.grad);
  }

  /** f elementwise; df(x, y) is its derivative. */
  map(f: (x: number, i: number) => number, df: (x: number, y: number, i: number) => number): Value {
    const y = this.data.map(f);
    return new Value(this.shape, y, [this], (dy) => {
      for (let i = 0; i < y.length; i++) this.grad[i]! += dy[i]! * df(this.data[i]!, y[i]!, i);
    });
  }

  /** f of two values with broadcasting; da and db are its partial derivatives. */
  zip(
    other: Value,
    f: (a: number, b: number) => number,
    da: (a: number, b: number) => number,
    db: (a: number, b: number) => number,
  ): Value {
    const rank = Math.max(this.shape.length, other.shape.length);
    const pad = (shape: readonly number[]) => [...new Array<number>(rank - shape.length).fill(1), ...shape];
    const [a, b] = [pad(this.shape), pad(other.shape)];
    const shape = a.map((size, i) => size === 1 ? b[i]! : size);
    const strides = [broadcastStrides(this.shape, shape), broadcastStrides(other.shape, shape)];
    const y = new Float64Array(product(shape));
    walk(shape, strides, (i, [ia, ib]) => y[i] = f(this.data[ia!]!, other.data[ib!]!));
    return new Value(shape, y, [this, other], (dy) => {
      walk(shape, strides, (i, [ia, ib]) => {
        this.grad[ia!]! += dy[i]! * da(this.data[ia!]!, other.data[ib!]!);
        other.grad[ib!]! += dy[i]! * db(this.data[ia!]!, other.data[ib!]!);
      });
    });
  }

  add(other: Value): Value {
    return this.zip(other, (a, b) => a + b, () => 1, () => 1);
  }
  sub(other: Value): Value {
    return this.zip(other, (a, b) => a - b, () => 1, () => -1);
  }
  mul(other: Value): Value {
    return this.zip(other, (a, b) => a * b, (_, b) => b, (a) => a);
  }
  div(other: Value): Value {
    return this.zip(other, (a, b) => a / b, (_, b) => 1 / b, (a, b) => -a / (b * b));
  }
  affine(factor: number, shift = 0): Value {
    return this.map((x) => factor * x + shift, () => factor);
  }
  exp(): Value {
    return this.map(Math.exp, (_, y) => y);
  }
  log(): Value {
    return this.map(Math.log, (x) => 1 / x);
  }
  sqrt(): Value {
    return this.map(Math.sqrt, (_, y) => 0.5 / y);
  }

  /** The sum over axes, which are kept as dimensions of one. */
  sum(...axes: number[]): Value {
    const over = axes.map((axis) => axis < 0 ? axis + this.shape.length : axis);
    const shape = this.shape.map((size, i) => over.includes(i) ? 1 : size);
    const strides = [broadcastStrides(shape, this.shape)];
    const y = new Float64Array(product(shape));
    walk(this.shape, strides, (i, [j]) => y[j!]! += this.data[i]!);
    return new Value(shape, y, [this], (dy) => {
      walk(this.shape, strides, (i, [j]) => this.grad[i]! += dy[j!]!);
    });
  }

  /** The largest over axes, kept as dimensions of one; ties share the gradient. */
  max(...axes: number[]): Value {
    const over = axes.map((axis) => axis < 0 ? axis + this.shape.length : axis);
    const shape = this.shape.map((size, i) => over.includes(i) ? 1 : size);
    const strides = [broadcastStrides(shape, this.shape)];
    const y = new Float64Array(product(shape)).fill(-Infinity);
    walk(this.shape, strides, (i, [j]) => y[j!] = Math.max(y[j!]!, this.data[i]!));
    return new Value(shape, y, [this], (dy) => {
      const ties = new Float64Array(y.length);
      walk(this.shape, strides, (i, [j]) => ties[j!]! += Number(this.data[i] === y[j!]));
      walk(this.shape, strides, (i, [j]) => {
        if (this.data[i] === y[j!]) this.grad[i]! += dy[j!]! / ties[j!]!;
      });
    });
  }

  reshape(shape: readonly number[]): Value {
    return new Value(shape, this.data, [this], (dy) => dy.forEach((g, i) => this.grad[i]! += g));
  }

  /** y[i] = x[index[i]]; an index of -1 gives 0. Permutations, slices, gathers and patches are all this. */
  gather(shape: readonly number[], index: ArrayLike<number>): Value {
    const y = Float64Array.from(
      { length: product(shape) },
      (_, i) => index[i]! < 0 ? 0 : this.data[index[i]!]!,
    );
    return new Value(shape, y, [this], (dy) => {
      for (let i = 0; i < y.length; i++) if (index[i]! >= 0) this.grad[index[i]!]! += dy[i]!;
    });
  }

  permute(...order: number[]): Value {
    const strides = rowMajor(this.shape);
    const shape = order.map((axis) => this.shape[axis]!);
    const index = new Int32Array(this.data.length);
    walk(shape, [order.map((axis) => strides[axis]!)], (i, [j]) => index[i] = j!);
    return this.gather(shape, index);
  }

  /** [.., m, k] times [.., k, n], equal leading dimensions. */
  matmul(other: Value): Value {
    const [m, k] = this.shape.slice(-2) as [number, number];
    const n = other.shape.at(-1)!;
    const batch = product(this.shape.slice(0, -2));
    const y = new Float64Array(batch * m * n);
    const each = (visit: (ia: number, ib: number, iy: number) => void) => {
      for (let b = 0; b < batch; b++) {
        for (let i = 0; i < m; i++) {
          for (let q = 0; q < k; q++) {
            for (let j = 0; j < n; j++) visit((b * m + i) * k + q, (b * k + q) * n + j, (b * m + i) * n + j);
          }
        }
      }
    };
    each((ia, ib, iy) => y[iy]! += this.data[ia]! * other.data[ib]!);
    return new Value([...this.shape.slice(0, -1), n], y, [this, other], (dy) => {
      each((ia, ib, iy) => {
        this.grad[ia]! += dy[iy]! * other.data[ib]!;
        other.grad[ib]! += dy[iy]! * this.data[ia]!;
      });
    });
  }

  transpose(): Value {
    const axes = this.shape.map((_, i) => i);
    return this.permute(...axes.slice(0, -2), axes.length - 1, axes.length - 2);
  }
}

/** A range along an axis. */
export function sliceValue(x: Value, axis: number, start: number, end: number): Value {
  const inner = product(x.shape.slice(axis + 1));
  const [whole, part] = [x.shape[axis]! * inner, (end - start) * inner];
  const shape = x.shape.with(axis, end - start);
  const index = Array.from(
    { length: product(shape) },
    (_, i) => Math.floor(i / part) * whole + start * inner + i % part,
  );
  return x.gather(shape, index);
}

/** Values joined along an axis. */
export function concatValues(values: readonly Value[], axis: number): Value {
  const shape = [...values[0]!.shape];
  shape[axis] = values.reduce((total, value) => total + value.shape[axis]!, 0);
  let start = 0;
  let joined = Value.of(shape, new Float64Array(product(shape)));
  for (const value of values) {
    const inner = product(shape.slice(axis + 1));
    const own = value.shape[axis]! * inner;
    const whole = shape[axis]! * inner;
    const index = Int32Array.from({ length: product(shape) }, (_, i) => {
      const within = i % whole - start;
      return within < 0 || within >= own ? -1 : Math.floor(i / whole) * own + within;
    });
    joined = joined.add(value.gather(shape, index));
    start += own;
  }
  return joined;
}

/** erf to double precision: its Taylor series near zero, the continued fraction of erfc beyond. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 2.5) {
    let term = z, total = z;
    for (let n = 1; Math.abs(term) > 1e-17 * total; n++) total += (term *= -z * z / n) / (2 * n + 1);
    return Math.sign(x) * 2 / Math.sqrt(Math.PI) * total;
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction));
}

/** The standard normal distribution function. */
export function normalCdf(x: number): number {
  return 0.5 * (1 + erf(x / Math.SQRT2));
}
