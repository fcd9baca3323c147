// PNG files of every colour type and depth, plain and interlaced, through every filter.
import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";
import { Random } from "../../../src/base/random.ts";
import { decodePng, pngOrientation } from "../../../src/data/images/formats/png.ts";

/** The pass of Adam7 that holds a pixel, by its line and column modulo eight, as the standard draws it. */
const PASSES = [
  "16462646",
  "77777777",
  "56565656",
  "77777777",
  "36463646",
  "77777777",
  "56565656",
  "77777777",
];
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as const;
type ColourType = keyof typeof CHANNELS;
const TYPES: readonly (readonly [ColourType, number])[] = [
  ...[1, 2, 4, 8, 16].map((depth) => [0, depth] as const),
  ...[8, 16].flatMap((depth) => ([2, 4, 6] as const).map((type) => [type, depth] as const)),
  ...[1, 2, 4, 8].map((depth) => [3, depth] as const),
];

function chunk(type: string, content: Uint8Array | readonly number[]): Uint8Array {
  const body = Uint8Array.from([...new TextEncoder().encode(type), ...content]);
  const out = new Uint8Array(body.length + 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length - 4);
  out.set(body, 4);
  view.setUint32(out.length - 4, crc32(body));
  return out;
}

const big = (...values: number[]) =>
  values.flatMap((v) => [v >>> 24, v >>> 16 & 255, v >>> 8 & 255, v & 255]);
const joined = (parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

interface Picture {
  readonly type: ColourType;
  readonly depth: number;
  readonly height: number;
  readonly width: number;
  readonly isInterlaced: boolean;
  readonly samples: readonly (readonly number[])[]; // [height x width][channels]
}

/** The rows of one pass, each behind a filter drawn at random. */
function filtered(rows: readonly (readonly number[])[], pixel: number, random: Random): number[] {
  return rows.flatMap((row, y) => {
    const filter = Math.floor(random.between(0, 5));
    const above = rows[y - 1];
    return [
      filter,
      ...row.map((value, x) => {
        const [a, b, c] = [row[x - pixel] ?? 0, above?.[x] ?? 0, above?.[x - pixel] ?? 0];
        const nearest = [a, b, c].toSorted((s, t) => Math.abs(a + b - c - s) - Math.abs(a + b - c - t))[0]!;
        return (value - [0, a, b, (a + b) >> 1, nearest][filter]!) & 255;
      }),
    ];
  });
}

/** `chunks` come between the header and the data, which comes in two pieces. */
function encoded(picture: Picture, random: Random, chunks: readonly Uint8Array[] = []): Uint8Array {
  const { type, depth, height, width, isInterlaced, samples } = picture;
  const raw: number[] = [];
  for (const pass of isInterlaced ? "1234567" : "0") {
    const rows = Array.from({ length: height }, (_, y) => {
      const line = samples.slice(y * width, (y + 1) * width)
        .filter((_, x) => !isInterlaced || PASSES[y % 8]![x % 8] === pass);
      const bits = line.flat().map((value) => value.toString(2).padStart(depth, "0")).join("");
      return (bits.match(/.{1,8}/g) ?? []).map((byte) => parseInt(byte.padEnd(8, "0"), 2));
    }).filter((row) => row.length > 0);
    raw.push(...filtered(rows, Math.max(1, depth * CHANNELS[type] / 8), random));
  }
  const data = deflateSync(Uint8Array.from(raw)), cut = data.length >> 1;
  return joined([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    chunk("IHDR", [...big(width, height), depth, type, 0, 0, isInterlaced ? 1 : 0]),
    ...chunks,
    chunk("IDAT", data.subarray(0, cut)),
    chunk("IDAT", data.subarray(cut)),
    chunk("IEND", []),
  ]);
}

function drawn(type: ColourType, depth: number, size: readonly [number, number], isInterlaced: boolean) {
  const [height, width] = size;
  const random = new Random(type * 1000 + depth * 10 + height);
  const samples = Array.from(
    { length: height * width },
    () => Array.from({ length: CHANNELS[type] }, () => Math.floor(random.between(0, 2 ** depth))),
  );
  return { picture: { type, depth, height, width, isInterlaced, samples }, random };
}

for (const [type, depth] of TYPES) {
  Deno.test(`decodePng() reads colour type ${type} of ${depth} bits, interlaced or not, with and without a transparent colour`, () => {
    for (const size of [[1, 1], [3, 5], [9, 17], [8, 2]] as const) {
      for (const isInterlaced of [false, true]) {
        for (const isKeyed of [false, true]) {
          const { picture, random } = drawn(type, depth, size, isInterlaced);
          const key = picture.samples[0]!;
          const palette = Array.from({ length: 3 * 2 ** depth }, (_, i) => (i * 37 + 11) % 256);
          const transparency = type === 3 ? [7, 9] : key.flatMap((value) => [value >> 8, value & 255]);
          const chunks = [
            ...(type === 3 ? [chunk("PLTE", palette)] : []),
            ...(isKeyed && type < 4 ? [chunk("tRNS", transparency)] : []),
          ];
          const { data, height, width } = decodePng(encoded(picture, random, chunks));
          assert.deepEqual([height, width], size);
          const to8 = (value: number) => depth === 16 ? value >> 8 : value * 255 / (2 ** depth - 1);
          const expected = picture.samples.flatMap((own) => {
            const isClear = isKeyed && own.every((value, c) => value === key[c]);
            if (type === 3) {
              const at = own[0]! * 3;
              return [...palette.slice(at, at + 3), isKeyed ? transparency[own[0]!] ?? 255 : 255];
            }
            const [r, g, b] = type === 2 || type === 6 ? own : [own[0]!, own[0]!, own[0]!];
            const alpha = type === 4 ? to8(own[1]!) : type === 6 ? to8(own[3]!) : isClear ? 0 : 255;
            return [to8(r!), to8(g!), to8(b!), alpha];
          });
          assert.deepEqual([...data], expected, `${size}, interlaced ${isInterlaced}, keyed ${isKeyed}`);
        }
      }
    }
  });
}

Deno.test("decodePng() refuses a file with any byte changed or cut off, and a colour that the palette lacks", () => {
  const { picture, random } = drawn(2, 8, [6, 7], false);
  const file = encoded(picture, random);
  for (let at = 8; at < file.length; at++) {
    assert.throws(() => decodePng(file.with(at, file[at]! ^ 1)), /damaged or cut off/, `byte ${at}`);
    assert.throws(() => decodePng(file.subarray(0, at)), /damaged or cut off/, `cut at ${at}`);
  }
  const indexed = drawn(3, 8, [2, 2], false);
  const poor = encoded(indexed.picture, indexed.random, [chunk("PLTE", [1, 2, 3])]);
  assert.throws(() => decodePng(poor), /it has no colour \d+ in its palette/);
  assert.equal(pngOrientation(file), 1);
});
