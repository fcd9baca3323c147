import assert from "node:assert/strict";
import { openSafetensors, type TensorToStore, writeSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/base/user_error.ts";
import { craft, entry, temporaryFolder } from "./crafted.ts";

const FIXTURE = new URL("fixtures/all_dtypes.safetensors", import.meta.url).pathname;

Deno.test("openSafetensors() reads what the reference library wrote, every dtype", () => {
  using file = openSafetensors(FIXTURE);
  assert.deepEqual([...file.metadata].sort(), [["format", "pt"], ["note", 'ü\n"x"']]);
  const third = [-3, -2, -1, 0, 1, 2].map((k) => k / 3);
  const expected: Record<string, [string, number[], ArrayLike<number | bigint>]> = {
    "f64": ["F64", [2], Float64Array.of(1.5, -2.25)],
    "f32": ["F32", [2, 3], Float32Array.from(third)],
    "f16": ["F16", [2, 3], Float16Array.from(third)],
    "bf16": ["BF16", [2, 3], Uint16Array.of(0xbf80, 0xbf2b, 0xbeab, 0x0000, 0x3eab, 0x3f2b)],
    "i64": ["I64", [1, 2], BigInt64Array.of(-1n, 2n ** 40n)],
    "i32": ["I32", [2], Int32Array.of(-(2 ** 31), 7)],
    "i16": ["I16", [1], Int16Array.of(-300)],
    "i8": ["I8", [2], Int8Array.of(-128, 127)],
    "u8": ["U8", [3], Uint8Array.of(0, 255, 3)],
    "bool": ["BOOL", [3], Uint8Array.of(1, 0, 1)],
    "scalar": ["F32", [], Float32Array.of(0.25)],
    "empty": ["F32", [0, 4], Float32Array.of()],
    'ключ "q"': ["F32", [1], Float32Array.of(9)],
  };
  assert.deepEqual([...file.tensors.keys()].sort(), Object.keys(expected).sort());
  for (const [name, [dtype, shape, values]] of Object.entries(expected)) {
    const tensor = file.tensors.get(name)!;
    assert.equal(tensor.dtype, dtype, name);
    assert.deepEqual(tensor.shape, shape, name);
    assert.deepEqual(file.readTyped(name), values, name);
    assert.equal(file.readBytes(name).length, tensor.end - tensor.begin, name);
  }
});

// An empty tensor takes no place, and may lie where another begins or ends, or where there is none at all.
const EMPTY_PLACES = [
  entry("empty", "F32", [0], 0, 0),
  entry("none", "U8", [3, 0], 8, 8),
  entry("x", "F32", [2], 0, 8),
];
for (const [i, j, k] of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] as const) {
  Deno.test(`openSafetensors() takes tensors in any order, empty ones among them (${i}, ${j}, ${k})`, () => {
    using folder = temporaryFolder();
    const path = `${folder.path}/x.safetensors`;
    Deno.writeFileSync(path, craft(`{${EMPTY_PLACES[i]},${EMPTY_PLACES[j]},${EMPTY_PLACES[k]}}`, 8));
    using file = openSafetensors(path);
    assert.deepEqual([...file.tensors.keys()].sort(), ["empty", "none", "x"]);
    assert.equal(file.readBytes("x").length, 8);
    assert.equal(file.readBytes("empty").length, 0);
  });
}

Deno.test("readFloat32() widens F16 and BF16 exactly and refuses integers by name", () => {
  using file = openSafetensors(FIXTURE);
  const third = [-3, -2, -1, 0, 1, 2].map((k) => k / 3);
  assert.deepEqual(file.readFloat32("f32"), Float32Array.from(third));
  assert.deepEqual(file.readFloat32("f16"), Float32Array.from(third, (x) => Math.f16round(x)));
  const bf16 = file.readFloat32("bf16");
  third.forEach((x, i) => assert.ok(Math.abs(bf16[i]! - x) <= 2 ** -8 * Math.abs(x), `${bf16[i]} for ${x}`));
  assert.equal(bf16[0], -1);
  assert.throws(() => file.readFloat32("i64"), (e) => e instanceof UserError && /"i64".*I64/.test(e.message));
  assert.throws(() => file.readBytes("nope"), (e) => e instanceof UserError && /"nope"/.test(e.message));
});

Deno.test("readFloat32() converts tensors longer than one chunk", () => {
  using folder = temporaryFolder();
  const length = (1 << 20) + 3;
  const values = Float16Array.from({ length }, (_, i) => i % 2011);
  const wide = new Uint32Array(Float32Array.from(values, (x) => x % 256).buffer);
  const bits = Uint16Array.from(wide, (word) => word >>> 16); // integers below 256 are exact in bfloat16
  const path = `${folder.path}/long.safetensors`;
  writeSafetensors(path, {
    half: { dtype: "F16", shape: [length], data: values },
    rounded: { dtype: "F16", shape: [length], data: Float32Array.from(values) },
    brain: { dtype: "BF16", shape: [length], data: bits },
  });
  using file = openSafetensors(path);
  assert.ok(file.readFloat32("half").every((x, i) => x === i % 2011));
  assert.ok(file.readFloat32("rounded").every((x, i) => x === i % 2011));
  assert.ok(file.readFloat32("brain").every((x, i) => x === i % 2011 % 256));
  assert.equal(file.readFloat32("brain").length, length);
});

const SAMPLE: Record<string, TensorToStore> = {
  "b.weight": { dtype: "F32", shape: [2, 2], data: Float32Array.of(1, -0, NaN, Infinity) },
  "a.bias": { dtype: "F32", shape: [1], data: Float32Array.of(1e-42) },
  "10": { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
  "9": { dtype: "I64", shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
  "ids\n\u0001": { dtype: "U32", shape: [2, 1], data: Uint32Array.of(0, 2 ** 32 - 1) },
  "none": { dtype: "F32", shape: [3, 0], data: new Float32Array(0) },
  "step": { dtype: "F32", shape: [], data: Float32Array.of(7) },
};

Deno.test("writeSafetensors() round-trips every tensor bit for bit", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/sample.safetensors`;
  writeSafetensors(path, SAMPLE, { seed: "1", ключ: "é" });
  using file = openSafetensors(path);
  assert.deepEqual(new Map(file.metadata), new Map([["seed", "1"], ["ключ", "é"]]));
  assert.equal(file.tensors.size, Object.keys(SAMPLE).length);
  for (const [name, { dtype, shape, data }] of Object.entries(SAMPLE)) {
    const stored = file.tensors.get(name)!;
    assert.deepEqual([stored.dtype, stored.shape], [dtype, shape]);
    assert.equal(stored.begin % 4, name === "10" ? stored.begin % 4 : 0, `${name} is aligned`);
    assert.deepEqual(file.readBytes(name), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
});

Deno.test("writeSafetensors() stores a view, not the buffer behind it", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/view.safetensors`;
  const whole = Float32Array.of(0, 1, 2, 3);
  writeSafetensors(path, { x: { dtype: "F32", shape: [2], data: whole.subarray(1, 3) } });
  using file = openSafetensors(path);
  assert.deepEqual(file.readFloat32("x"), Float32Array.of(1, 2));
});

Deno.test("writeSafetensors() gives equal bytes for equal content in any order", () => {
  using folder = temporaryFolder();
  writeSafetensors(`${folder.path}/a`, SAMPLE, { x: "1", y: "2" });
  writeSafetensors(`${folder.path}/b`, Object.fromEntries(Object.entries(SAMPLE).reverse()), {
    y: "2",
    x: "1",
  });
  assert.deepEqual(Deno.readFileSync(`${folder.path}/a`), Deno.readFileSync(`${folder.path}/b`));
});

Deno.test("writeSafetensors() replaces a file whole and leaves nothing behind when it fails", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/model.safetensors`;
  writeSafetensors(path, { x: { dtype: "U8", shape: [1], data: Uint8Array.of(1) } });
  {
    using before = openSafetensors(path);
    writeSafetensors(path, { x: { dtype: "U8", shape: [1], data: Uint8Array.of(2) } });
    assert.equal(before.readBytes("x")[0], 1, "a reader of the old file still sees the old file");
  }
  using after = openSafetensors(path);
  assert.equal(after.readBytes("x")[0], 2);
  Deno.mkdirSync(`${folder.path}/taken`);
  Deno.writeTextFileSync(`${folder.path}/taken/inside`, "");
  for (const bad of [`${folder.path}/taken`, `${folder.path}/absent/model.safetensors`]) {
    assert.throws(() => writeSafetensors(bad, {}), (e) => e instanceof UserError && e.message.includes(bad));
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)].map((e) => e.name).sort(), [
    "model.safetensors",
    "taken",
  ]);
});

Deno.test("writeSafetensors() refuses tensors that contradict themselves, before it writes", () => {
  using folder = temporaryFolder();
  const data = Float32Array.of(1, 2, 3, 4);
  const bad: [string, TensorToStore, RegExp][] = [
    ["x", { dtype: "F32", shape: [3], data }, /4 elements .*\[3\]/],
    ["x", { dtype: "U32", shape: [4], data }, /Float32Array .*U32.*Uint32Array/],
    ["x", { dtype: "BF16", shape: [4], data }, /Float32Array .*BF16/],
    ["x", { dtype: "F32", shape: [-2, -2], data }, /\[-2, -2\]/],
    ["x", { dtype: "F32", shape: [0.5, 8], data }, /\[0.5, 8\]/],
    ["__metadata__", { dtype: "F32", shape: [4], data }, /__metadata__/],
    ["\ud800", { dtype: "F32", shape: [4], data }, /Unicode/],
  ];
  for (const [name, tensor, message] of bad) {
    assert.throws(
      () => writeSafetensors(`${folder.path}/bad`, { [name]: tensor }),
      (e) => e instanceof TypeError && message.test(e.message),
    );
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});
