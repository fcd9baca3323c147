/**
 * A graph of ONNX operators, built value by value as a forward pass would be; `io/onnx_file.ts` writes it. Names and
 * meanings are those of the standard's operators, https://onnx.ai/onnx/operators.
 */
import { type Shape, showShape } from "../tensor/shape.ts";

/** The version of the operators that graphs are made of, and that of the file format which belongs to it. */
export const OPSET = 23;
export const IR_VERSION = 11;

export type ElementType = "float32" | "float16" | "uint8" | "int64" | "bool";
/** The types that encoders compute in. */
export type FloatType = "float32" | "float16";
/** A size, or the name of one that is known when the graph runs; equal names are equal sizes. */
export type Dimension = number | string;
/** A whole number, several of them, a real one or a text. */
export type Attribute = number | readonly number[] | { readonly real: number } | { readonly text: string };

/** What flows along an edge of a graph. */
export interface Value {
  readonly graph: OnnxGraph;
  readonly name: string;
  readonly type: ElementType;
}

/** An input or output of the whole graph. */
export interface Port {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly Dimension[];
}

export interface Node {
  readonly operator: string;
  readonly inputs: readonly string[];
  /** The name of its only output, and its own. */
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A parameter of the model, whose values are read when the graph is written. */
export interface Weight {
  readonly name: string;
  readonly type: FloatType;
  /** As it stands in the graph. */
  readonly shape: Shape;
  readonly parameter: string;
  /** True where the parameter is [columns, rows] and the graph wants [rows, columns]. */
  readonly isTransposed: boolean;
}

/** A few numbers that belong to the graph itself. */
export interface Constant {
  readonly name: string;
  readonly type: "float32" | "float16" | "int64";
  readonly shape: Shape;
  readonly values: readonly number[];
}

/**
 * A graph under construction: inputs, parameters and constants, the operators between them, outputs.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { OnnxGraph } from "unis/engine";
 *
 * const graph = new OnnxGraph();
 * const x = graph.input("x", "float32", ["batch", 3]);
 * const w = graph.weight({ name: "heads.w", shape: [2, 3] }, "float32", { transposed: true });
 * graph.output("y", graph.apply("MatMul", [x, w]), ["batch", 2]);
 * assert.deepEqual(graph.nodes.map(({ operator }) => operator), ["MatMul", "Identity"]);
 * ```
 */
export class OnnxGraph {
  /** The type of weights and activations of transformers, as `precision` of training has it. */
  readonly precision: FloatType;
  readonly inputs: Port[] = [];
  readonly outputs: Port[] = [];
  readonly nodes: Node[] = [];
  readonly weights: Weight[] = [];
  readonly constants: Constant[] = [];
  readonly #values = new Map<string, Value>();

  constructor(precision: FloatType = "float32") {
    this.precision = precision;
  }

  /** Declares an input. Throws RangeError for a name that is taken. */
  input(name: string, type: ElementType, shape: readonly Dimension[]): Value {
    this.inputs.push({ name, type, shape });
    return this.#declare(name, type);
  }

  /** Declares that `value` is an output. Throws RangeError for a name that is taken. */
  output(name: string, value: Value, shape: readonly Dimension[]): void {
    this.outputs.push({ name, type: value.type, shape });
    this.#declare(name, value.type);
    this.nodes.push({ operator: "Identity", inputs: [value.name], output: name, attributes: {} });
  }

  /** A parameter in the type `type`; asked for twice, it is stored once. With `transposed`, a matrix as its transpose. */
  weight(
    { name: parameter, shape }: { readonly name: string; readonly shape: Shape },
    type: FloatType,
    { transposed: isTransposed = false } = {},
  ): Value {
    if (isTransposed && shape.length !== 2) {
      throw new TypeError(
        `Cannot transpose the parameter ${parameter} of ${showShape(shape)}: it is no matrix`,
      );
    }
    const others = [...type === "float16" ? ["f16"] : [], ...isTransposed ? ["transposed"] : []];
    const name = [parameter, ...others].join(".");
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    this.weights.push({
      name,
      type,
      shape: isTransposed ? shape.toReversed() : shape,
      parameter,
      isTransposed,
    });
    return this.#declare(name, type);
  }

  /** Numbers that are the same in every run, [] if no shape is given; equal ones are stored once. */
  constant(values: readonly number[], type: Constant["type"], shape: Shape = [values.length]): Value {
    const same = this.constants.find((other) =>
      other.type === type && String(other.values) === String(values) && String(other.shape) === String(shape)
    );
    if (same !== undefined) return this.#values.get(same.name)!;
    const name = `constant_${this.constants.length}`;
    this.constants.push({ name, type, shape, values });
    return this.#declare(name, type);
  }

  /** Applies an operator; the result is of the type of the first input unless `type` says otherwise. */
  apply(
    operator: string,
    inputs: readonly [Value, ...Value[]],
    attributes: Readonly<Record<string, Attribute>> = {},
    type: ElementType = inputs[0].type,
  ): Value {
    const stranger = inputs.find(({ graph }) => graph !== this);
    if (stranger !== undefined) throw new RangeError(`Cannot use ${stranger.name}: it is of another graph`);
    const output = `${operator}_${this.nodes.length}`;
    this.nodes.push({ operator, inputs: inputs.map(({ name }) => name), output, attributes });
    return this.#declare(output, type);
  }

  #declare(name: string, type: ElementType): Value {
    if (this.#values.has(name)) throw new RangeError(`Cannot name two values of a graph "${name}"`);
    const value = { graph: this, name, type };
    this.#values.set(name, value);
    return value;
  }
}
