import assert from "node:assert/strict";
import { openWeights } from "../../src/io/weights_file.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "./crafted.ts";
import { torchFile } from "./crafted_torch.ts";

function store(path: string, values: Record<string, number>): void {
  writeSafetensors(
    path,
    Object.fromEntries(
      Object.entries(values).map((
        [name, x],
      ) => [name, { dtype: "F32", shape: [1], data: Float32Array.of(x) }]),
    ),
  );
}

const INDEX = "model.safetensors.index.json";

Deno.test("openWeights() opens a file, or a folder with one file", () => {
  using folder = temporaryFolder();
  store(`${folder.path}/model.safetensors`, { x: 4 });
  for (const path of [folder.path, `${folder.path}/`, `${folder.path}/model.safetensors`]) {
    using checkpoint = openWeights(path);
    assert.equal(checkpoint.readFloat32("x")[0], 4);
  }
});

Deno.test("openWeights() shows shards as one", () => {
  using folder = temporaryFolder();
  store(`${folder.path}/model-1.safetensors`, { a: 1, b: 2 });
  store(`${folder.path}/model-2.safetensors`, { c: 3 });
  const weight_map = { a: "model-1.safetensors", c: "model-2.safetensors", b: "model-1.safetensors" };
  Deno.writeTextFileSync(
    `${folder.path}/${INDEX}`,
    JSON.stringify({ metadata: { total_size: 12, format: "pt", nested: {} }, weight_map }),
  );
  for (const path of [folder.path, `${folder.path}/${INDEX}`]) {
    using checkpoint = openWeights(path);
    assert.deepEqual([...checkpoint.tensors.keys()], ["a", "c", "b"]);
    assert.deepEqual([...checkpoint.metadata], [["total_size", "12"], ["format", "pt"]]);
    assert.deepEqual(["a", "b", "c"].map((name) => checkpoint.readFloat32(name)[0]), [1, 2, 3]);
    assert.deepEqual(checkpoint.readTyped("c"), Float32Array.of(3));
    assert.equal(checkpoint.readBytes("c").length, 4);
    assert.throws(() => checkpoint.readBytes("d"), (e) => e instanceof UserError && /"d"/.test(e.message));
  }
});

Deno.test("openWeights() opens weights of PyTorch by their ending, alone in a folder and in shards", () => {
  using folder = temporaryFolder();
  const { path } = folder;
  const put = (name: string, values: Record<string, number>) =>
    Deno.writeFileSync(
      `${path}/${name}`,
      torchFile(
        Object.entries(values).map((
          [key, x],
        ) => [key, { dtype: "F32", shape: [1], data: Float32Array.of(x) }]),
      ),
    );
  const read = (at: string) => {
    using checkpoint = openWeights(at);
    return Object.fromEntries(
      Array.from(checkpoint.tensors.keys(), (name) => [name, checkpoint.readFloat32(name)[0]]),
    );
  };
  for (const name of ["a.pth", "a.pt", "a.ckpt", "pytorch_model.bin"]) {
    put(name, { x: 1 });
    assert.deepEqual(read(`${path}/${name}`), { x: 1 });
    assert.deepEqual(read(path), { x: 1 });
    if (name !== "pytorch_model.bin") Deno.removeSync(`${path}/${name}`);
  }
  put("training_args.bin", { y: 0 });
  assert.deepEqual(read(path), { x: 1 });
  Deno.removeSync(`${path}/pytorch_model.bin`);
  put("pytorch_model-1.bin", { a: 1, b: 2 });
  put("pytorch_model-2.bin", { c: 3 });
  const weight_map = { a: "pytorch_model-1.bin", c: "pytorch_model-2.bin", b: "pytorch_model-1.bin" };
  Deno.writeTextFileSync(`${path}/pytorch_model.bin.index.json`, JSON.stringify({ weight_map }));
  assert.deepEqual(read(path), { a: 1, b: 2, c: 3 });
  store(`${path}/model.safetensors`, { x: 4 });
  assert.deepEqual(read(path), { x: 4 }, "safetensors are preferred");
});

Deno.test("openWeights() closes its files", () => {
  using folder = temporaryFolder();
  store(`${folder.path}/s.safetensors`, { a: 1 });
  Deno.writeTextFileSync(`${folder.path}/${INDEX}`, `{"weight_map":{"a":"s.safetensors"}}`);
  for (const path of [folder.path, `${folder.path}/s.safetensors`]) {
    const checkpoint = openWeights(path);
    checkpoint.close();
    assert.throws(() => checkpoint.readBytes("a"));
  }
});

Deno.test("openWeights() names what is wrong with an index", () => {
  using folder = temporaryFolder();
  store(`${folder.path}/s.safetensors`, { a: 1 });
  Deno.writeTextFileSync(`${folder.path}/broken.safetensors`, "not tensors at all");
  const many = Object.fromEntries(Array.from({ length: 513 }, (_, i) => [`t${i}`, `s${i}.safetensors`]));
  const bad: [string | Uint8Array, RegExp][] = [
    ["", /not valid JSON/],
    ["{", /not valid JSON/],
    [Uint8Array.of(0x7b, 0xff, 0x7d), /not valid UTF-8/],
    ["[]", /"weight_map"/],
    [`{"weight_map":[]}`, /"weight_map"/],
    [`{"weight_map":{}}`, /empty/],
    [`{"weight_map":{"a":1}}`, /"a" is not the name/],
    [`{"weight_map":{"a":"../s.safetensors"}}`, /"a" is not the name/],
    [`{"weight_map":{"a":"/etc/s.safetensors"}}`, /"a" is not the name/],
    [`{"weight_map":{"a":"..\\\\s.safetensors"}}`, /"a" is not the name/],
    [`{"weight_map":{"a":"s.bin"}}`, /"a" is not the name/],
    [`{"weight_map":{"a":"s.safetensors","a":"s.safetensors"}}`, /duplicate name "a"/],
    [`{"weight_map":{"b":"s.safetensors"}}`, /"b" is not in s\.safetensors/],
    [`{"weight_map":{"a":"absent.safetensors"}}`, /absent\.safetensors/],
    [`{"weight_map":{"a":"s.safetensors","b":"broken.safetensors"}}`, /broken\.safetensors: header length/],
    [JSON.stringify({ weight_map: many }), /513 files/],
    ["[".repeat(100_000), /deeper than/],
  ];
  for (const [text, message] of bad) {
    const path = `${folder.path}/${INDEX}`;
    Deno.writeFileSync(path, typeof text === "string" ? new TextEncoder().encode(text) : text);
    assert.throws(
      () => openWeights(folder.path),
      (e) => e instanceof UserError && e.message.startsWith("Cannot read ") && message.test(e.message),
      `${text.slice(0, 60)}`,
    );
  }
});

Deno.test("openWeights() takes an index of 100,000 tensors, and none of more", () => {
  using folder = temporaryFolder();
  store(`${folder.path}/s.safetensors`, { a: 1 });
  const path = `${folder.path}/${INDEX}`;
  for (
    const [count, message] of [
      [100_000, /tensor "t0" is not in s\.safetensors/],
      [100_001, /more than 100000 names/],
    ] as const
  ) {
    const names = Array.from({ length: count }, (_, i) => [`t${i}`, "s.safetensors"]);
    Deno.writeTextFileSync(path, JSON.stringify({ weight_map: Object.fromEntries(names) }));
    assert.throws(() => openWeights(path), { name: "UserError", message });
  }
});

Deno.test("openWeights() says what a folder lacks, and that a path is absent", () => {
  using folder = temporaryFolder();
  assert.throws(
    () => openWeights(folder.path),
    (e) =>
      e instanceof UserError && /holds none of model\.safetensors, .*pytorch_model\.bin,/.test(e.message),
  );
  assert.throws(
    () => openWeights(`${folder.path}/absent`),
    (e) => e instanceof UserError && e.message.includes("absent"),
  );
});
