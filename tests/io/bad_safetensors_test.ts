import assert from "node:assert/strict";
import { openSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/base/user_error.ts";
import { craft, entry, temporaryFolder } from "./crafted.ts";

const X = entry("x", "F32", [2], 0, 8);
const withX = (fields: string) => `{"x":{${fields}}}`;
const bytes = (...values: number[]) => Uint8Array.from(values);
const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const LENGTH_SHORT = /is too short for the 8-byte header length/;
const BEYOND = /reaches beyond the end of the file/;
const OVER = /over the limit of 100000000 bytes/;
const NO_JSON = /header is not valid JSON/;
const NO_UTF8 = /header is not valid UTF-8/;
const DUPLICATE = /header has the duplicate name/;
const SHAPE = /tensor "x": shape is missing or not a list of non-negative integers/;
const OFFSETS = /tensor "x": data_offsets is missing or not a pair of non-negative integers/;
const DTYPE = /tensor "x": unknown dtype/;
const MISMATCH = /tensor "x": shape \[.*\] of .* takes \d+ bytes, data_offsets give \d+/;
const OUTSIDE = /tensor "x": data_offsets reach to \d+, outside the \d+ bytes of data/;
const OVERLAP = /data overlap those of another tensor/;
const GAP_BEFORE = /gap of \d+ unused bytes before its data/;
const GAP_AFTER = /gap of \d+ unused bytes after the last tensor/;

/** What is wrong, the file, and the rule that the error must name. */
const BAD: [string, Uint8Array, RegExp][] = [
  ["empty file", bytes(), LENGTH_SHORT],
  ["one byte", bytes(2), LENGTH_SHORT],
  ["seven bytes", bytes(2, 0, 0, 0, 0, 0, 0), LENGTH_SHORT],
  ["length zero", craft("", 0), /header length 0 is too short/],
  ["length one", craft("{", 0), /header length 1 is too short/],
  ["length only", bytes(2, 0, 0, 0, 0, 0, 0, 0), BEYOND],
  ["length one too many", craft(`{${X}}`, 0, BigInt(X.length + 3)), BEYOND],
  ["length of the whole file", craft(`{${X}}`, 8, BigInt(X.length + 18)), BEYOND],
  ["length at the limit, beyond the file", craft("{}", 0, 100_000_000n), BEYOND],
  ["length one over the limit", craft("{}", 0, 100_000_001n), OVER],
  ["length of 2^32", craft("{}", 0, 2n ** 32n), OVER],
  ["length of 2^53 + 1", craft("{}", 0, 2n ** 53n + 1n), OVER],
  ["length of 2^63", craft("{}", 0, 2n ** 63n), OVER],
  ["length of 2^64 - 1", craft("{}", 0, 2n ** 64n - 1n), OVER],
  ["big-endian length", craft("{}", 0, 2n << 56n), OVER],
  ["length one too few", craft(`{${X}}`, 8, BigInt(X.length + 1)), NO_JSON],
  ["length one too many, into the data", craft(`{${X}}`, 8, BigInt(X.length + 3)), NO_JSON],
  ["list", craft("[]", 0), /does not begin with "\{"/],
  ["null", craft("null", 0), /does not begin with "\{"/],
  ["blank before the object", craft(" {}", 0), /does not begin with "\{"/],
  ["byte order mark", craft("\ufeff{}", 0), /does not begin with "\{"/],
  ["a pickle", craft(latin1("\x80\x02}q"), 0), /does not begin with "\{"/],
  ["unclosed object", craft("{{", 0), NO_JSON],
  ["unclosed string", craft(`{"x`, 0), NO_JSON],
  ["string ending in a backslash", craft(`{"x\\`, 0), NO_JSON],
  ["trailing comma", craft(`{${X},}`, 8), NO_JSON],
  ["text after the object", craft(`{${X}}}`, 8), NO_JSON],
  ["two objects", craft("{}{}", 0), NO_JSON],
  ["zero bytes as padding", craft("{}\0\0", 0), NO_JSON],
  ["single quotes", craft("{'x':1}", 0), NO_JSON],
  ["control character in a name", craft(`{"\n":1}`, 0), NO_JSON],
  ["NaN", craft(withX(`"dtype":"F32","shape":[NaN],"data_offsets":[0,8]`), 8), NO_JSON],
  ["lone continuation byte", craft(latin1(`{"\x80":1}`), 0), NO_UTF8],
  ["cut UTF-8 sequence", craft(latin1(`{"\xe2\x82":1}`), 0), NO_UTF8],
  ["overlong UTF-8", craft(latin1(`{"\xc0\xaf":1}`), 0), NO_UTF8],
  ["nested lists", craft(`{"x":${"[".repeat(200_000)}`, 0), /nests deeper than 8 levels/],
  ["nested objects", craft(`{"x":`.repeat(200_000), 0), /nests deeper than 8 levels/],
  ["same name twice", craft(`{${X},${X}}`, 8), DUPLICATE],
  ["same name, one escaped", craft(`{${X},${X.replace('"x"', String.raw`"\u0078"`)}}`, 8), DUPLICATE],
  ["metadata twice", craft(`{"__metadata__":{},"__metadata__":{},${X}}`, 8), DUPLICATE],
  [
    "a field twice",
    craft(withX(`"dtype":"U8","dtype":"F32","shape":[2],"data_offsets":[0,8]`), 8),
    DUPLICATE,
  ],
  [
    "too many tensors",
    craft(`{${Array.from({ length: 100_001 }, (_, i) => `"${i}":0`).join()}}`, 0),
    /more than 100000 names/,
  ],
  ["metadata is a list", craft(`{"__metadata__":[],${X}}`, 8), /__metadata__ is not an object of strings/],
  ["metadata is null", craft(`{"__metadata__":null,${X}}`, 8), /__metadata__ is not an object of strings/],
  ["metadata holds a number", craft(`{"__metadata__":{"k":1},${X}}`, 8), /value of "k" is not a string/],
  ["entry is a number", craft(`{"x":1}`, 0), /tensor "x": entry is not an object/],
  ["entry is a list", craft(`{"x":[]}`, 0), /tensor "x": entry is not an object/],
  ["entry is null", craft(`{"x":null}`, 0), /tensor "x": entry is not an object/],
  ["no dtype", craft(withX(`"shape":[2],"data_offsets":[0,8]`), 8), /"x": dtype is missing/],
  [
    "dtype is a number",
    craft(withX(`"dtype":32,"shape":[2],"data_offsets":[0,8]`), 8),
    /"x": dtype is missing/,
  ],
  ["dtype of numpy", craft(`{${entry("x", "<f4", [2], 0, 8)}}`, 8), DTYPE],
  ["dtype in lower case", craft(`{${entry("x", "f32", [2], 0, 8)}}`, 8), DTYPE],
  ["dtype from the prototype", craft(`{${entry("x", "constructor", [2], 0, 8)}}`, 8), DTYPE],
  ["no shape", craft(withX(`"dtype":"F32","data_offsets":[0,8]`), 8), SHAPE],
  ["shape is a number", craft(withX(`"dtype":"F32","shape":2,"data_offsets":[0,8]`), 8), SHAPE],
  ["negative size", craft(`{${entry("x", "F32", [-2], 0, 8)}}`, 8), SHAPE],
  ["fractional size", craft(`{${entry("x", "F32", [0.5, 4], 0, 8)}}`, 8), SHAPE],
  ["size as text", craft(withX(`"dtype":"F32","shape":["2"],"data_offsets":[0,8]`), 8), SHAPE],
  ["size of 2^53", craft(`{${entry("x", "F32", [2 ** 53], 0, 8)}}`, 8), SHAPE],
  ["size beyond all numbers", craft(withX(`"dtype":"F32","shape":[1e999],"data_offsets":[0,8]`), 8), SHAPE],
  [
    "product wraps around 2^64 to 8",
    craft(`{${entry("x", "F32", [2 ** 31, 2 ** 31, 2, 2], 0, 8)}}`, 8),
    /"x": shape is too large/,
  ],
  ["no offsets", craft(withX(`"dtype":"F32","shape":[2]`), 8), OFFSETS],
  ["one offset", craft(withX(`"dtype":"F32","shape":[2],"data_offsets":[0]`), 8), OFFSETS],
  ["three offsets", craft(withX(`"dtype":"F32","shape":[2],"data_offsets":[0,8,8]`), 8), OFFSETS],
  ["negative offset", craft(`{${entry("x", "F32", [2], -8, 0)}}`, 8), OFFSETS],
  ["fractional offset", craft(`{${entry("x", "F32", [2], 0.5, 8.5)}}`, 8), OFFSETS],
  [
    "offsets reversed",
    craft(`{${entry("x", "F32", [2], 8, 0)}}`, 8),
    /"x": data_offsets end before they begin/,
  ],
  ["end outside the data", craft(`{${entry("x", "F32", [2], 0, 8)}}`, 7), OUTSIDE],
  ["begin outside the data", craft(`{${entry("x", "F32", [2], 800, 808)}}`, 8), OUTSIDE],
  ["an empty tensor outside the data", craft(`{${entry("x", "F32", [0], 9, 9)}}`, 8), OUTSIDE],
  ["end at 2^53 - 1", craft(`{${entry("x", "U8", [2 ** 53 - 1], 0, 2 ** 53 - 1)}}`, 8), OUTSIDE],
  ["more bytes than the shape", craft(`{${entry("x", "F32", [1], 0, 8)}}`, 8), MISMATCH],
  ["fewer bytes than the shape", craft(`{${entry("x", "F32", [3], 0, 8)}}`, 8), MISMATCH],
  ["bytes of another dtype", craft(`{${entry("x", "F16", [2], 0, 8)}}`, 8), MISMATCH],
  ["bytes for an empty shape", craft(`{${entry("x", "F32", [0, 2 ** 52, 2 ** 52], 0, 8)}}`, 8), MISMATCH],
  ["no bytes for a scalar", craft(`{${entry("x", "F32", [], 0, 0)}}`, 0), MISMATCH],
  ["same place twice", craft(`{${X},${entry("y", "F32", [2], 0, 8)}}`, 8), OVERLAP],
  ["overlap by a byte", craft(`{${X},${entry("y", "U8", [2], 7, 9)}}`, 9), OVERLAP],
  ["one inside another", craft(`{${X},${entry("y", "U8", [1], 3, 4)}}`, 8), OVERLAP],
  ["an empty tensor inside another", craft(`{${X},${entry("y", "U8", [0], 3, 3)}}`, 8), OVERLAP],
  ["gap at the start", craft(`{${entry("x", "F32", [1], 4, 8)}}`, 8), GAP_BEFORE],
  ["gap between", craft(`{${X},${entry("y", "U8", [1], 9, 10)}}`, 10), GAP_BEFORE],
  ["a byte left over", craft(`{${X}}`, 9), GAP_AFTER],
  ["data without tensors", craft("{}", 4), GAP_AFTER],
];

Deno.test("openSafetensors() refuses crafted files and says which rule they break", () => {
  using folder = temporaryFolder();
  assert.ok(BAD.length >= 60);
  BAD.forEach(([what, content, rule], i) => {
    const path = `${folder.path}/${i}.safetensors`;
    Deno.writeFileSync(path, content);
    assert.throws(() => openSafetensors(path), (error) => {
      assert.ok(error instanceof UserError, `${what}: ${error}`);
      assert.ok(error.message.startsWith(`Cannot read ${path}: `), `${what}: ${error.message}`);
      assert.match(error.message, rule, what);
      assert.ok(!error.message.includes("\n") && error.message.length < 600, `${what}: one line`);
      return true;
    });
  });
});

Deno.test("openSafetensors() accepts what only looks wrong", () => {
  using folder = temporaryFolder();
  const good: [string, Uint8Array, string[]][] = [
    ["no tensors", craft("{}", 0), []],
    ["padding after the header", craft(`{${X}}      `, 8), ["x"]],
    [
      "blanks inside",
      craft(`{ "x" : ${JSON.stringify({ shape: [2], dtype: "F32", data_offsets: [0, 8] })}\n}`, 8),
      ["x"],
    ],
    ["names that only look equal", craft(`{${X},${entry("X", "U8", [1], 8, 9)}}`, 9), ["x", "X"]],
    ["same key in two objects", craft(`{"__metadata__":{"x":"x"},${X}}`, 8), ["x"]],
    [
      "a field the format may add",
      craft(withX(`"dtype":"F32","shape":[2],"data_offsets":[0,8],"new":[{}]`), 8),
      ["x"],
    ],
    ["name with quotes, braces and colon", craft(`{${entry('{"a":[', "U8", [1], 0, 1)}}`, 1), ['{"a":[']],
    ["names of the prototype", craft(`{${entry("__proto__", "U8", [1], 0, 1)}}`, 1), ["__proto__"]],
    ["listed out of order", craft(`{${entry("y", "U8", [1], 8, 9)},${X}}`, 9), ["y", "x"]],
    [
      "empty tensors at every edge",
      craft(
        `{${entry("a", "U8", [0], 0, 0)},${X},${entry("b", "U8", [0, 2 ** 52, 2 ** 52], 8, 8)}}`,
        8,
      ),
      ["a", "x", "b"],
    ],
  ];
  good.forEach(([what, content, names], i) => {
    const path = `${folder.path}/${i}.safetensors`;
    Deno.writeFileSync(path, content);
    using file = openSafetensors(path);
    assert.deepEqual([...file.tensors.keys()], names, what);
    for (const [name, { begin, end }] of file.tensors) {
      assert.deepEqual(file.readBytes(name), content.slice(begin, end), what);
    }
  });
});

Deno.test("openSafetensors() refuses what is no regular file", () => {
  using folder = temporaryFolder();
  for (const path of [folder.path, `${folder.path}/absent.safetensors`]) {
    assert.throws(() => openSafetensors(path), (e) => e instanceof UserError && e.message.includes(path));
  }
});

Deno.test("reading a file that became shorter is an error, not old or empty data", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/shrinking.safetensors`;
  Deno.writeFileSync(path, craft(`{${X}}`, 8));
  using file = openSafetensors(path);
  Deno.truncateSync(path, 8 + X.length + 6);
  for (const read of [() => file.readBytes("x"), () => file.readFloat32("x")]) {
    assert.throws(read, (e) => e instanceof UserError && /became shorter/.test(e.message));
  }
});

Deno.test("a file that is refused is closed", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/bad.safetensors`;
  Deno.writeFileSync(path, craft("{", 0));
  const { close } = Deno.FsFile.prototype;
  let closed = 0;
  Deno.FsFile.prototype.close = function () {
    closed++;
    close.call(this);
  };
  try {
    assert.throws(() => openSafetensors(path), UserError);
  } finally {
    Deno.FsFile.prototype.close = close;
  }
  assert.equal(closed, 1);
});

Deno.test("a sparse file larger than memory is refused when its tensor is read", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/sparse.safetensors`;
  const size = 2 ** 42;
  const header = craft(`{${entry("x", "BF16", [size / 2], 0, size)}}`, 0);
  Deno.writeFileSync(path, header);
  try {
    Deno.truncateSync(path, header.length + size);
  } catch {
    return; // a file system without sparse files of this size has no such file either
  }
  using file = openSafetensors(path);
  for (const read of [() => file.readBytes("x"), () => file.readFloat32("x"), () => file.readTyped("x")]) {
    assert.throws(read, (e) => e instanceof UserError && /does not fit in memory/.test(e.message));
  }
});
