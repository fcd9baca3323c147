/**
 * Writes graphs of ONNX as `model.onnx`: the protobuf message ModelProto of
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, whose numbers of fields stand here. A message holds at most
 * 2 GB; the weights of a larger model go into `model.onnx.data` beside it, which the message names.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { basename } from "node:path";
import { UserError } from "../base/user_error.ts";
import {
  type Attribute,
  type Constant,
  IR_VERSION,
  type Node,
  type OnnxGraph,
  OPSET,
  type Port,
  type Weight,
} from "../onnx/graph.ts";
import { TYPE_NUMBER } from "../onnx/operators.ts";
import { sizeOf } from "../tensor/shape.ts";
import { asBytes } from "./file_bytes.ts";
import { writeParts } from "./new_file.ts";

export interface OnnxFileOptions {
  /** The values of a parameter, row-major; asked for one at a time, so that the weights are never in memory together. */
  readonly read: (parameter: string) => Float32Array;
  readonly version: string;
  /** What a reader may want to know of the model, in texts by name. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Weights of more bytes than this go into a file of their own; what a protobuf message can hold if not given. */
  readonly mostInline?: number;
}

/** 2 GiB is what a message can hold; the rest of the graph is far smaller than what is left here. */
const MOST_INLINE = 2 ** 31 - 2 ** 24;
/** Weights in a file of their own begin at multiples of this, as readers that map the file want it. */
const PAGE = 4096;
/** float32 elements that are rounded to half precision at a time. */
const CHUNK_ELEMENTS = 1 << 20;

const BYTES = { float32: 4, float16: 2 } as const;
/** `TensorProto.DataLocation.EXTERNAL`. */
const EXTERNAL = 1;
const ATTRIBUTE_TYPE = { real: 1, int: 2, text: 3, ints: 7 } as const;

/**
 * Writes a graph; gives the paths. Equal graphs and weights give equal bytes. Throws a UserError where a file cannot be
 * written, or a weight does not fit f16.
 */
export function writeOnnx(path: string, graph: OnnxGraph, options: OnnxFileOptions): string[] {
  const { read, mostInline = MOST_INLINE } = options;
  const total = graph.weights.reduce((sum, weight) => sum + bytesOf(weight), 0);
  if (total <= mostInline) {
    writeParts(path, modelParts(graph, options));
    return [path];
  }
  const data = `${path}.data`;
  const offsets = new Map<Weight, number>();
  let end = 0;
  for (const weight of graph.weights) {
    const begin = Math.ceil(end / PAGE) * PAGE;
    offsets.set(weight, begin);
    end = begin + bytesOf(weight);
  }
  writeParts(data, externalParts(graph.weights, offsets, read));
  writeParts(path, modelParts(graph, options, { file: basename(data), offsets }));
  return [path, data];
}

/** Where weights begin in a file of their own. */
interface External {
  readonly file: string;
  readonly offsets: ReadonlyMap<Weight, number>;
}

function bytesOf({ shape, type }: Weight): number {
  return sizeOf(shape) * BYTES[type];
}

function* externalParts(
  weights: readonly Weight[],
  offsets: ReadonlyMap<Weight, number>,
  read: OnnxFileOptions["read"],
): Generator<Uint8Array> {
  let at = 0;
  for (const weight of weights) {
    const begin = offsets.get(weight)!;
    yield new Uint8Array(begin - at);
    yield* contentOf(weight, read);
    at = begin + bytesOf(weight);
  }
}

/** The bytes of a weight as they stand in the file, part by part. */
function* contentOf(
  { parameter, shape, type, isTransposed }: Weight,
  read: OnnxFileOptions["read"],
): Generator<Uint8Array> {
  const stored = read(parameter);
  if (stored.length !== sizeOf(shape)) {
    throw new TypeError(`Cannot write ${stored.length} values of ${parameter}: there are ${sizeOf(shape)}`);
  }
  const values = isTransposed ? transposed(stored, shape[0]!) : stored;
  if (type === "float32") {
    yield asBytes(values);
    return;
  }
  for (let at = 0; at < values.length; at += CHUNK_ELEMENTS) {
    const halves = new Float16Array(values.subarray(at, at + CHUNK_ELEMENTS));
    if (!halves.every(Number.isFinite)) {
      throw new UserError(`Cannot write ${parameter} in f16: it has values beyond 65504. Export with f32`);
    }
    yield asBytes(halves);
  }
}

/** A matrix [rows, columns] from its transpose. */
function transposed(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[row * columns + column] = values[column * rows + row]!;
    }
  }
  return result;
}

/** ModelProto, part by part: what comes before the weights, then each of them. */
function* modelParts(
  graph: OnnxGraph,
  { read, version, metadata }: OnnxFileOptions,
  external?: External,
): Generator<Uint8Array> {
  const rest = graphWriter(graph).finish();
  const heads = graph.weights.map((weight) => weightHead(weight, external));
  const inline = external ? [] : graph.weights;
  const size = [rest, ...heads].reduce((sum, { length }) => sum + length, 0) +
    inline.reduce((sum, weight) => sum + bytesOf(weight), 0);
  const model = new BinaryWriter()
    .tag(1, WireType.Varint).int64(IR_VERSION)
    .tag(2, WireType.LengthDelimited).string("unis")
    .tag(3, WireType.LengthDelimited).string(version)
    .tag(8, WireType.LengthDelimited).fork() // OperatorSetIdProto of the standard's own domain
    .tag(1, WireType.LengthDelimited).string("")
    .tag(2, WireType.Varint).int64(OPSET)
    .join();
  for (const [key, value] of Object.entries(metadata)) writeEntry(model, 14, key, value);
  yield model.tag(7, WireType.LengthDelimited).uint32(size).finish(); // GraphProto follows
  yield rest;
  for (const [i, head] of heads.entries()) {
    yield head;
    if (!external) yield* contentOf(graph.weights[i]!, read);
  }
}

/** All of GraphProto but its weights. */
function graphWriter(graph: OnnxGraph): BinaryWriter {
  const writer = new BinaryWriter();
  for (const node of graph.nodes) writeNode(writer, node);
  writer.tag(2, WireType.LengthDelimited).string("unis");
  for (const constant of graph.constants) writeConstant(writer, constant);
  for (const port of graph.inputs) writePort(writer, 11, port);
  for (const port of graph.outputs) writePort(writer, 12, port);
  return writer;
}

/** TensorProto of a weight up to its values, with the tag and the length of all of it. */
function weightHead(weight: Weight, external: External | undefined): Uint8Array {
  const writer = new BinaryWriter();
  const bytes = bytesOf(weight);
  writeTensorType(writer, weight);
  if (external) {
    writeEntry(writer, 13, "location", external.file);
    writeEntry(writer, 13, "offset", String(external.offsets.get(weight)));
    writeEntry(writer, 13, "length", String(bytes));
    writer.tag(14, WireType.Varint).int32(EXTERNAL);
  } else {
    writer.tag(9, WireType.LengthDelimited).uint32(bytes); // raw_data follows
  }
  const tensor = writer.finish();
  const length = tensor.length + (external ? 0 : bytes);
  return new BinaryWriter().tag(5, WireType.LengthDelimited).uint32(length).raw(tensor).finish();
}

function writeConstant(writer: BinaryWriter, constant: Constant): void {
  const { type, values } = constant;
  const array = type === "int64"
    ? BigInt64Array.from(values, BigInt)
    : type === "float16"
    ? Float16Array.from(values)
    : Float32Array.from(values);
  writer.tag(5, WireType.LengthDelimited).fork();
  writeTensorType(writer, constant);
  writer.tag(9, WireType.LengthDelimited).bytes(asBytes(array)).join();
}

/** dims, data_type and name of a TensorProto. */
function writeTensorType(writer: BinaryWriter, { name, shape, type }: Weight | Constant): void {
  for (const size of shape) writer.tag(1, WireType.Varint).int64(size);
  writer.tag(2, WireType.Varint).int32(TYPE_NUMBER[type]);
  writer.tag(8, WireType.LengthDelimited).string(name);
}

function writeNode(writer: BinaryWriter, { operator, inputs, output, attributes }: Node): void {
  writer.tag(1, WireType.LengthDelimited).fork();
  for (const input of inputs) writer.tag(1, WireType.LengthDelimited).string(input);
  writer.tag(2, WireType.LengthDelimited).string(output);
  writer.tag(3, WireType.LengthDelimited).string(output);
  writer.tag(4, WireType.LengthDelimited).string(operator);
  for (const [name, value] of Object.entries(attributes)) writeAttribute(writer, name, value);
  writer.join();
}

function writeAttribute(writer: BinaryWriter, name: string, value: Attribute): void {
  writer.tag(5, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string(name);
  if (typeof value === "number") {
    writer.tag(3, WireType.Varint).int64(value).tag(20, WireType.Varint).int32(ATTRIBUTE_TYPE.int);
  } else if ("real" in value) {
    writer.tag(2, WireType.Bit32).float(value.real).tag(20, WireType.Varint).int32(ATTRIBUTE_TYPE.real);
  } else if ("text" in value) {
    writer.tag(4, WireType.LengthDelimited).string(value.text);
    writer.tag(20, WireType.Varint).int32(ATTRIBUTE_TYPE.text);
  } else {
    for (const one of value) writer.tag(8, WireType.Varint).int64(one);
    writer.tag(20, WireType.Varint).int32(ATTRIBUTE_TYPE.ints);
  }
  writer.join();
}

/** ValueInfoProto of a tensor. */
function writePort(writer: BinaryWriter, field: number, { name, type, shape }: Port): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string(name);
  writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork(); // TypeProto.Tensor
  writer.tag(1, WireType.Varint).int32(TYPE_NUMBER[type]);
  writer.tag(2, WireType.LengthDelimited).fork(); // TensorShapeProto
  for (const size of shape) {
    writer.tag(1, WireType.LengthDelimited).fork();
    if (typeof size === "number") writer.tag(1, WireType.Varint).int64(size);
    else writer.tag(2, WireType.LengthDelimited).string(size);
    writer.join();
  }
  writer.join().join().join().join();
}

/** StringStringEntryProto. */
function writeEntry(writer: BinaryWriter, field: number, key: string, value: string): void {
  writer.tag(field, WireType.LengthDelimited).fork()
    .tag(1, WireType.LengthDelimited).string(key)
    .tag(2, WireType.LengthDelimited).string(value)
    .join();
}
