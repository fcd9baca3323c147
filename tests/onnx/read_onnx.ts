/** Reads an ONNX file as other programs do, by the numbers of fields in onnx.proto alone. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { dirname, join } from "node:path";

/** Fields of a message by number: numbers of varints and floats, bytes of all else. */
type Message = Map<number, (number | Uint8Array)[]>;

export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** `TensorProto.DataType`. */
  readonly type: number;
  readonly values: readonly number[];
  /** Of values in another file. */
  readonly external: Readonly<Record<string, string>> | undefined;
}

export interface ReadNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, number | readonly number[] | string>>;
}

export interface ReadPort {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly (number | string)[];
}

export interface ReadModel {
  readonly irVersion: number;
  readonly opset: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nodes: readonly ReadNode[];
  readonly tensors: readonly StoredTensor[];
  readonly inputs: readonly ReadPort[];
  readonly outputs: readonly ReadPort[];
}

function messageOf(bytes: Uint8Array): Message {
  const reader = new BinaryReader(bytes);
  const message: Message = new Map();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const value = type === WireType.Varint
      ? Number(reader.int64())
      : type === WireType.Bit32
      ? reader.float()
      : reader.bytes();
    message.set(field, [...message.get(field) ?? [], value]);
  }
  return message;
}

const numbers = (message: Message, field: number) => (message.get(field) ?? []) as number[];
const blobs = (message: Message, field: number) => (message.get(field) ?? []) as Uint8Array[];
const messages = (message: Message, field: number) => blobs(message, field).map(messageOf);
const texts = (message: Message, field: number) =>
  blobs(message, field).map((bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes));
const entries = (message: Message, field: number) =>
  Object.fromEntries(
    messages(message, field).map((entry) => [texts(entry, 1)[0]!, texts(entry, 2)[0] ?? ""]),
  );

export function readOnnx(path: string): ReadModel {
  const model = messageOf(Deno.readFileSync(path));
  const [graph] = messages(model, 7) as [Message];
  return {
    irVersion: numbers(model, 1)[0]!,
    opset: numbers(messages(model, 8)[0]!, 2)[0]!,
    metadata: entries(model, 14),
    nodes: messages(graph, 1).map((node) => ({
      operator: texts(node, 4)[0]!,
      inputs: texts(node, 1),
      outputs: texts(node, 2),
      attributes: Object.fromEntries(messages(node, 5).map(attributeOf)),
    })),
    tensors: messages(graph, 5).map((tensor) => tensorOf(tensor, dirname(path))),
    inputs: messages(graph, 11).map(portOf),
    outputs: messages(graph, 12).map(portOf),
  };
}

function attributeOf(attribute: Message): [string, number | number[] | string] {
  const [type] = numbers(attribute, 20);
  if (type === 3) return [texts(attribute, 1)[0]!, texts(attribute, 4)[0]!];
  const field = { 1: 2, 2: 3, 7: 8 }[type!];
  if (field === undefined) throw new Error(`an attribute of type ${type}`);
  const values = numbers(attribute, field);
  return [texts(attribute, 1)[0]!, type === 7 ? values : values[0]!];
}

function tensorOf(tensor: Message, folder: string): StoredTensor {
  const [type] = numbers(tensor, 2) as [number];
  const external = numbers(tensor, 14)[0] === 1 ? entries(tensor, 13) : undefined;
  const raw = external
    ? Deno.readFileSync(join(folder, external.location!)).slice(
      Number(external.offset),
      Number(external.offset) + Number(external.length),
    )
    : blobs(tensor, 9)[0]!.slice();
  const values = type === 1
    ? [...new Float32Array(raw.buffer)]
    : type === 10
    ? [...new Float16Array(raw.buffer)]
    : Array.from(new BigInt64Array(raw.buffer), Number);
  return { name: texts(tensor, 8)[0]!, shape: numbers(tensor, 1), type, values, external };
}

function portOf(port: Message): ReadPort {
  const tensor = messages(messages(port, 2)[0]!, 1)[0]!;
  const dimensions = messages(messages(tensor, 2)[0]!, 1);
  return {
    name: texts(port, 1)[0]!,
    type: numbers(tensor, 1)[0]!,
    shape: dimensions.map((dimension) => texts(dimension, 2)[0] ?? numbers(dimension, 1)[0]!),
  };
}
