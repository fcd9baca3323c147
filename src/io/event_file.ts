/** Writes event files as TensorBoard reads them: TFRecords of `Event` messages that hold scalars or hyperparameters. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import CRC32C from "crc-32/crc32c.js";
import { joinedBytes } from "../base/joined_bytes.ts";

export interface Scalars {
  readonly step: number;
  /** Seconds since 1970. */
  readonly time: number;
  /** The values by their tags, such as "loss/validation/fusion". */
  readonly values: Readonly<Record<string, number>>;
}

/** Hyperparameters by their names, such as "optimizer.weight_decay"; null is one that is not set. */
export type Hyperparameters = Readonly<Record<string, number | string | boolean | null>>;

/** The version of the format, which the first record of a file names. */
const FILE_VERSION = "brain.Event:2";

/** The bytes of an event file; `begun` is the time of its first record in seconds since 1970. */
export function eventFile(begun: number, scalars: readonly Scalars[]): Uint8Array<ArrayBuffer> {
  return fileOf([versionEvent(begun), ...scalars.map(scalarsEvent)]);
}

/** What such a file goes on with. */
export function moreEvents(scalars: readonly Scalars[]): Uint8Array<ArrayBuffer> {
  return fileOf(scalars.map(scalarsEvent));
}

/** The bytes of an event file that says with which hyperparameters the runs in its folder were made. */
export function hyperparametersFile(begun: number, values: Hyperparameters): Uint8Array<ArrayBuffer> {
  return fileOf([versionEvent(begun), hyperparametersEvent(begun, values)]);
}

function fileOf(events: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joinedBytes(events.map(frame));
}

/** A TFRecord: length (u64), its check sum, the data, their check sum; all little-endian. */
export function frame(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

/** TensorFlow's mask of a CRC-32C: of data that hold check sums themselves, the plain one would be weak. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = CRC32C.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// The numbers are those of the fields in tensorflow/core/util/event.proto and framework/summary.proto, in
// tensorboard/plugins/hparams/plugin_data.proto and google/protobuf/struct.proto.

function versionEvent(time: number): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.Bit64).double(time)
    .tag(3, WireType.LengthDelimited).string(FILE_VERSION)
    .finish();
}

function scalarsEvent({ step, time, values }: Scalars): Uint8Array {
  const event = new BinaryWriter()
    .tag(1, WireType.Bit64).double(time)
    .tag(2, WireType.Varint).int64(step)
    .tag(5, WireType.LengthDelimited).fork(); // Summary
  for (const [tag, value] of Object.entries(values)) {
    event.tag(1, WireType.LengthDelimited).fork() // Summary.Value
      .tag(1, WireType.LengthDelimited).string(tag)
      .tag(2, WireType.Bit32).float(value)
      .join();
  }
  return event.join().finish();
}

/** A summary without a number of its own: what it says stands in the data of the plugin "hparams". */
function hyperparametersEvent(begun: number, values: Hyperparameters): Uint8Array {
  const start = new BinaryWriter();
  for (const [name, value] of Object.entries(values)) {
    start.tag(1, WireType.LengthDelimited).fork() // SessionStartInfo.hparams
      .tag(1, WireType.LengthDelimited).string(name)
      .tag(2, WireType.LengthDelimited).bytes(valueOf(value))
      .join();
  }
  start.tag(5, WireType.Bit64).double(begun);
  const data = new BinaryWriter().tag(3, WireType.LengthDelimited).bytes(start.finish()).finish();
  const plugin = new BinaryWriter()
    .tag(1, WireType.LengthDelimited).string("hparams")
    .tag(2, WireType.LengthDelimited).bytes(data)
    .finish();
  return new BinaryWriter()
    .tag(1, WireType.Bit64).double(begun)
    .tag(5, WireType.LengthDelimited).fork() // Summary
    .tag(1, WireType.LengthDelimited).fork() // Summary.Value
    .tag(1, WireType.LengthDelimited).string("_hparams_/session_start_info")
    .tag(9, WireType.LengthDelimited).fork() // SummaryMetadata
    .tag(1, WireType.LengthDelimited).bytes(plugin)
    .join().join().join()
    .finish();
}

/** A google.protobuf.Value. */
function valueOf(value: Hyperparameters[string]): Uint8Array {
  const writer = new BinaryWriter();
  if (typeof value === "number") writer.tag(2, WireType.Bit64).double(value);
  else if (typeof value === "string") writer.tag(3, WireType.LengthDelimited).string(value);
  else if (typeof value === "boolean") writer.tag(4, WireType.Varint).bool(value);
  else writer.tag(1, WireType.Varint).int32(0);
  return writer.finish();
}
