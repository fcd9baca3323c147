import assert from "node:assert/strict";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { eventFile, frame, hyperparametersFile, maskedCrc, moreEvents } from "../../src/io/event_file.ts";

Deno.test("maskedCrc() is the masked CRC-32C of the vectors of RFC 3720", () => {
  const cases: [Uint8Array, number][] = [
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(0xff), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    [new TextEncoder().encode("123456789"), 0xe3069283],
    [new Uint8Array(), 0],
  ];
  for (const [bytes, crc] of cases) {
    // TensorFlow's unmasking: subtract, then rotate the other way round.
    const rotated = (maskedCrc(bytes) - 0xa282ead8) >>> 0;
    assert.equal(((rotated >>> 17) | (rotated << 15)) >>> 0, crc);
  }
});

Deno.test("eventFile() writes what TensorBoard's own writer does, byte for byte", () => {
  // Made with tensorboard 2.21.0: RecordWriter on Event(wall_time=1.5, file_version="brain.Event:2") and
  // Event(wall_time=2.5, step=300, summary of "loss/é" = 0.25 and "b" = -3).
  const expected = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c" +
    "2800000000000000ff70164a09000000000000044010ac022a1a0a0e0a076c6f73732fc3a9150000803e0a080a016215000040c0f4c6bec0";
  const values = { "loss/é": 0.25, b: -3 };
  assert.equal(eventFile(1.5, [{ step: 300, time: 2.5, values }]).toHex(), expected);
});

/** The fields of a message of protocol buffers: their numbers, and what stands there. */
function fieldsOf(message: Uint8Array): [number: number, value: number | Uint8Array][] {
  const reader = new BinaryReader(message);
  const fields: ReturnType<typeof fieldsOf> = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) fields.push([number, reader.bytes()]);
    else fields.push([number, type === WireType.Bit64 ? reader.double() : reader.int32()]);
  }
  return fields;
}

/** What stands at the end of a path of fields, each of which its message has once. */
function at(message: Uint8Array, ...path: number[]): Uint8Array {
  return path.reduce((inner, wanted) => {
    const found = fieldsOf(inner).filter(([number]) => number === wanted);
    assert.equal(found.length, 1, `field ${wanted} of ${path}`);
    return found[0]![1] as Uint8Array;
  }, message);
}

Deno.test("hyperparametersFile() has every value where TensorBoard's plugin looks for it", () => {
  // The numbers are those of event.proto, summary.proto, plugin_data.proto and struct.proto.
  const values = { rate: 0.5, name: "é", on: true, off: false, none: null };
  const file = hyperparametersFile(1.5, values);
  const version = eventFile(1.5, []);
  assert.deepEqual(file.subarray(0, version.length), version);
  const record = file.subarray(version.length);
  const event = record.subarray(12, -4);
  assert.deepEqual(record, frame(event));
  assert.deepEqual(fieldsOf(event)[0], [1, 1.5]);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(text(at(event, 5, 1, 1)), "_hparams_/session_start_info");
  assert.equal(text(at(event, 5, 1, 9, 1, 1)), "hparams");
  const start = fieldsOf(at(event, 5, 1, 9, 1, 2, 3));
  assert.deepEqual(start.pop(), [5, 1.5]);
  assert.ok(start.every(([number]) => number === 1));
  const found = start.map(([, entry]) => {
    const [[number, value]] = fieldsOf(at(entry as Uint8Array, 2)) as [[number, number | Uint8Array]];
    return [text(at(entry as Uint8Array, 1)), number, value instanceof Uint8Array ? text(value) : value];
  });
  assert.deepEqual(found, [["rate", 2, 0.5], ["name", 3, "é"], ["on", 4, 1], ["off", 4, 0], ["none", 1, 0]]);
});

Deno.test("moreEvents() goes on where eventFile() ends", () => {
  const [first, second] = [1, 2].map((step) => ({ step, time: step, values: { loss: step } }));
  const whole = eventFile(0, [first!, second!]), begun = eventFile(0, [first!]);
  assert.deepEqual(Uint8Array.of(...begun, ...moreEvents([second!])), whole);
});

Deno.test("frame() writes length, data and their check sums", () => {
  for (const length of [0, 1, 300, 70_000]) {
    const data = Uint8Array.from({ length }, (_, i) => i % 251);
    const record = frame(data), view = new DataView(record.buffer);
    assert.equal(record.length, 8 + 4 + length + 4);
    assert.equal(view.getBigUint64(0, true), BigInt(length));
    assert.equal(view.getUint32(8, true), maskedCrc(record.subarray(0, 8)));
    assert.equal(view.getUint32(12 + length, true), maskedCrc(data));
    assert.equal(maskedCrc(record.subarray(12, 12 + length)), maskedCrc(data));
  }
});
