/** Writes ONNX models: the part of onnx.proto that small graphs of f32 need. */
import protobuf from "protobufjs";
import type { HostArray } from "./work.ts";

const SCHEMA = `
syntax = "proto3";
message ModelProto {
  int64 ir_version = 1;
  GraphProto graph = 7;
  repeated OperatorSetIdProto opset_import = 8;
}
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message GraphProto {
  repeated NodeProto node = 1;
  string name = 2;
  repeated TensorProto initializer = 5;
  repeated ValueInfoProto input = 11;
  repeated ValueInfoProto output = 12;
}
message NodeProto {
  repeated string input = 1;
  repeated string output = 2;
  string name = 3;
  string op_type = 4;
  repeated AttributeProto attribute = 5;
  string domain = 7;
}
message AttributeProto { string name = 1; float f = 2; int64 i = 3; repeated int64 ints = 8; int32 type = 20; }
message TensorProto { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message TypeProto {
  message Dimension { int64 dim_value = 1; }
  message Shape { repeated Dimension dim = 1; }
  message Tensor { int32 elem_type = 1; Shape shape = 2; }
  Tensor tensor_type = 1;
}`;

const Model = protobuf.parse(SCHEMA).root.lookupType("ModelProto");
/** TensorProto.DataType */
const FLOAT = 1;
const INT64 = 7;
/** AttributeProto.AttributeType */
const [A_FLOAT, AN_INT, INTS] = [1, 2, 7];

type Attribute = { readonly float: number } | { readonly int: number } | { readonly ints: readonly number[] };

/** A graph that grows by one node at a time; values are known by their names. */
export class Graph {
  readonly #nodes: object[] = [];
  readonly #initializers: object[] = [];
  readonly #inputs: object[] = [];

  input(name: string, shape: readonly number[]): string {
    this.#inputs.push(valueInfo(name, shape));
    return name;
  }

  /** A value that the model holds. */
  constant(name: string, { values, shape }: HostArray): string {
    return this.#initializer(name, FLOAT, shape, new Uint8Array(values.buffer));
  }

  scalar(name: string, value: number): string {
    return this.constant(name, { shape: [], values: Float32Array.of(value) });
  }

  /** A shape that `Reshape` takes. */
  shape(name: string, shape: readonly number[]): string {
    const words = BigInt64Array.from(shape, BigInt);
    return this.#initializer(name, INT64, [shape.length], new Uint8Array(words.buffer));
  }

  /** Adds a node of one result, and names that. */
  node(
    opType: string,
    input: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const name = `${opType}_${this.#nodes.length}`;
    const attribute = Object.entries(attributes).map(([name, given]) =>
      "float" in given
        ? { name, f: given.float, type: A_FLOAT }
        : "int" in given
        ? { name, i: given.int, type: AN_INT }
        : { name, ints: given.ints, type: INTS }
    );
    this.#nodes.push({ name, opType, input, output: [name], attribute });
    return name;
  }

  /** The model file whose results are the values of these names, of these shapes. */
  encode(outputs: Readonly<Record<string, readonly number[]>>): Uint8Array {
    return Model.encode(Model.fromObject({
      irVersion: 8,
      opsetImport: [{ version: 17 }],
      graph: {
        name: "work",
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs,
        output: Object.entries(outputs).map(([name, shape]) => valueInfo(name, shape)),
      },
    })).finish();
  }

  #initializer(name: string, dataType: number, dims: readonly number[], rawData: Uint8Array): string {
    this.#initializers.push({ name, dataType, dims, rawData });
    return name;
  }
}

function valueInfo(name: string, shape: readonly number[]) {
  const dim = shape.map((size) => ({ dimValue: size }));
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}
