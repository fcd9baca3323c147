import assert from "node:assert/strict";
import { join } from "node:path";
import { bytes, COMMIT, hashOf, modelFiles, text } from "./hub_server.ts";
import { Setting, WANTED } from "./hub_setting.ts";

Deno.test("resolveModel() downloads what is wanted, and nothing else, into the cache's layout", async () => {
  await using setting = new Setting();
  const { folder, source, commit } = await setting.resolve();
  assert.deepEqual([source, commit], ["hub", COMMIT]);
  assert.equal(folder, join(setting.cache, "snapshots", COMMIT));
  setting.checkFiles(folder, WANTED);
  assert.equal(Deno.readTextFileSync(join(setting.cache, "refs", "main")), COMMIT);
  for (const name of WANTED) {
    const target = Deno.readLinkSync(join(folder, name));
    assert.equal(target, join("..", "..", "blobs", hashOf(setting.hub.files.get(name)!)));
  }
  const blobs = Array.from(Deno.readDirSync(join(setting.cache, "blobs")), (entry) => entry.name);
  assert.equal(blobs.length, WANTED.length, `left over: ${blobs}`);
  const absent = Array.from(
    Deno.readDirSync(join(setting.cache, ".no_exist", COMMIT)),
    (entry) => entry.name,
  );
  assert.ok(absent.includes("vocab.json") && !absent.includes("vocab.txt"));
  assert.equal(setting.events.find((event) => event.includes("model.s")), "begin model.safetensors 0/300000");
  assert.ok(setting.events.includes("advance model.safetensors 300000"));
  assert.deepEqual(setting.notes, []);

  const asked = setting.hub.seen.length;
  assert.deepEqual(await setting.resolve(), { folder, source: "cache", commit });
  assert.equal(setting.hub.seen.length, asked, "the cache was not used");
});

Deno.test("resolveModel() fetches by kinds, and later only what is new", async () => {
  await using setting = new Setting();
  const { folder } = await setting.resolve({ kinds: ["preprocessor"] });
  setting.checkFiles(folder, ["config.json", "preprocessor_config.json"]);
  setting.hub.seen.length = 0;
  await setting.resolve({ kinds: ["weights"] });
  setting.checkFiles(folder, ["config.json", "preprocessor_config.json", "model.safetensors"]);
  assert.ok(!setting.hub.paths("hub").some((path) => path.endsWith("config.json")));
});

const index = (names: string[]) =>
  text(JSON.stringify({ weight_map: Object.fromEntries(names.map((name, i) => [`tensor${i}`, name])) }));

Deno.test("resolveModel() takes weights of PyTorch where there is no safetensors, whole or in shards", async () => {
  const files = modelFiles();
  files.delete("model.safetensors");
  const others = WANTED.filter((name) => name !== "model.safetensors");
  {
    await using setting = new Setting(files);
    setting.checkFiles((await setting.resolve()).folder, [...others, "pytorch_model.bin"]);
    assert.equal((await setting.resolve()).source, "cache");
  }
  files.delete("pytorch_model.bin");
  const shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
  for (const [i, name] of shards.entries()) files.set(name, bytes(2000 + i, i));
  files.set("pytorch_model.bin.index.json", index(shards));
  {
    await using setting = new Setting(files);
    setting.checkFiles((await setting.resolve()).folder, [
      ...others,
      ...shards,
      "pytorch_model.bin.index.json",
    ]);
    assert.equal((await setting.resolve()).source, "cache");
  }
  files.set("pytorch_model.bin.index.json", index(["model-1.safetensors"]));
  await using setting = new Setting(files);
  assert.match(await setting.refusal(), /"model-1\.safetensors" is not the name of a \.bin file beside it/);
});

Deno.test("resolveModel() follows the index of sharded weights, and not out of the folder", async () => {
  const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const files = modelFiles();
  files.delete("model.safetensors");
  for (const [i, name] of shards.entries()) files.set(name, bytes(2000 + i, i));
  files.set("model-unused.safetensors", bytes(50));
  files.set("model.safetensors.index.json", index(shards));
  const sharded = [...WANTED.filter((name) => name !== "model.safetensors"), ...shards];
  {
    await using setting = new Setting(files);
    const { folder } = await setting.resolve();
    setting.checkFiles(folder, [...sharded, "model.safetensors.index.json"]);
    assert.equal((await setting.resolve()).source, "cache");
    Deno.removeSync(join(folder, shards[1]!));
    assert.equal((await setting.resolve()).source, "hub");
    setting.checkFiles(folder, [...sharded, "model.safetensors.index.json"]);
  }
  {
    // Where both are there, the one file is enough.
    await using setting = new Setting(
      new Map([...modelFiles(), ["model.safetensors.index.json", index(shards)]]),
    );
    setting.checkFiles((await setting.resolve()).folder, WANTED);
  }
  const bad: [Uint8Array<ArrayBuffer>, RegExp][] = [
    [index(["../../../evil.safetensors"]), /"\.\.\/\.\.\/\.\.\/evil\.safetensors" is not the name of/],
    [index(["config.json"]), /"config\.json" is not the name of/],
    [index(["model-3.safetensors"]), /lacks model-3\.safetensors/],
    [index([]), /names 0 files/],
    [text("{"), /JSON/],
  ];
  for (const [content, message] of bad) {
    files.set("model.safetensors.index.json", content);
    await using setting = new Setting(files);
    assert.match(await setting.refusal(), message);
    assert.deepEqual(setting.hub.paths("storage"), []);
  }
});

Deno.test("resolveModel() keeps a pinned revision apart from main", async () => {
  await using setting = new Setting();
  setting.hub.revisions.set("v1.0", COMMIT).set("refs/pr/3", COMMIT).set("main", "b".repeat(40));
  const { folder } = await setting.resolve({ revision: "v1.0" });
  assert.deepEqual(await setting.resolve({ revision: COMMIT }), { folder, source: "cache", commit: COMMIT });
  assert.equal((await setting.resolve({ revision: "refs/pr/3" })).folder, folder);
  assert.equal(Deno.readTextFileSync(join(setting.cache, "refs", "refs", "pr", "3")), COMMIT);
  assert.throws(() => Deno.statSync(join(setting.cache, "refs", "main")), Deno.errors.NotFound);
});
