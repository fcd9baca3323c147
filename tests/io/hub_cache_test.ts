import assert from "node:assert/strict";
import { join } from "node:path";
import { type FileKind, resolveModel } from "../../src/io/hub.ts";
import { cacheFolder, placeLink, removeFile } from "../../src/io/hub_cache.ts";
import { HubClient } from "../../src/io/hub_client.ts";
import { SYSTEM_CLOCK } from "../../src/io/hub_retry.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "./crafted.ts";

const COMMIT = "89abcdef0123456789abcdef0123456789abcdef";
const TEXT_FILES = { "config.json": "{}", "model.safetensors": "weights", "tokenizer.json": "{}" };

/** A cache as Python's `huggingface_hub` leaves it. */
function pythonCache(home: string, id: string, files: Record<string, string>): string {
  const folder = join(home, "hub", `models--${id.replace("/", "--")}`);
  const snapshot = join(folder, "snapshots", COMMIT);
  for (const name of ["blobs", "refs", join("snapshots", COMMIT)]) {
    Deno.mkdirSync(join(folder, name), { recursive: true });
  }
  for (const [i, [name, content]] of Object.entries(files).entries()) {
    const hash = String(i).padStart(40, "0");
    Deno.writeTextFileSync(join(folder, "blobs", hash), content);
    Deno.symlinkSync(join("..", "..", "blobs", hash), join(snapshot, name));
  }
  Deno.writeTextFileSync(join(folder, "refs", "main"), COMMIT);
  return folder;
}

async function refusal(idOrFolder: string, kinds: FileKind[], env = {}, revision?: string): Promise<string> {
  const error = await resolveModel(idOrFolder, { kinds, env, revision }).then(
    () => assert.fail(`${idOrFolder} was not refused`),
    (e) => e,
  );
  assert.ok(error instanceof UserError, String(error.stack));
  return error.message;
}

Deno.test("resolveModel() takes a cache that Python made, offline or not", async () => {
  using home = temporaryFolder();
  for (const id of ["bert-base-uncased", "some-org/Tiny.model_2"]) {
    const cache = pythonCache(home.path, id, TEXT_FILES);
    for (const env of [{ HF_HUB_OFFLINE: "1" }, { HF_ENDPOINT: "http://127.0.0.1:9" }]) {
      for (const revision of [undefined, "main", COMMIT]) {
        const found = await resolveModel(id, {
          kinds: ["weights", "tokenizer"],
          env: { HF_HOME: home.path, ...env },
          revision,
        });
        assert.deepEqual(found, {
          folder: join(cache, "snapshots", COMMIT),
          source: "cache",
          commit: COMMIT,
        });
      }
    }
  }
});

Deno.test("resolveModel() offline says what is missing and where it looked", async () => {
  using home = temporaryFolder();
  const env = { HF_HOME: home.path, HF_HUB_OFFLINE: "TRUE" };
  const at = join(home.path, "hub", "models--some-org--model");
  assert.match(
    await refusal("some-org/model", ["weights"], env),
    /offline: .*models--some-org--model does not have/,
  );
  const { "model.safetensors": _, ...others } = TEXT_FILES;
  pythonCache(home.path, "some-org/model", others);
  const message = await refusal("some-org/model", ["weights", "preprocessor"], env);
  assert.ok(message.includes(`${at} lacks model.safetensors, preprocessor_config.json`), message);
  assert.match(message, /Unset HF_HUB_OFFLINE/);
  assert.match(await refusal("some-org/model", [], env, "v2"), /revision v2\) offline/);
  // Known not to exist is as good as there.
  Deno.mkdirSync(join(at, ".no_exist", COMMIT), { recursive: true });
  Deno.writeTextFileSync(join(at, ".no_exist", COMMIT, "preprocessor_config.json"), "");
  assert.equal((await resolveModel("some-org/model", { kinds: ["preprocessor"], env })).source, "cache");
  // A link whose blob is gone is not there.
  Deno.removeSync(join(at, "blobs", "0".repeat(40)));
  assert.match(await refusal("some-org/model", [], env), /lacks config\.json/);
});

Deno.test("resolveModel() asks how a bare vocabulary is used before it takes one from the cache", async () => {
  using home = temporaryFolder();
  const env = { HF_HOME: home.path, HF_HUB_OFFLINE: "1" };
  for (
    const [id, files, lack] of [
      ["a/bare", { "vocab.txt": "" }, /lacks tokenizer_config\.json/],
      ["a/known", { "vocab.txt": "", "tokenizer_config.json": "" }, undefined],
      ["a/pair", { "vocab.json": "", "merges.txt": "", "tokenizer_config.json": "" }, undefined],
      ["a/half", { "vocab.json": "", "tokenizer_config.json": "" }, /lacks tokenizer\.json/],
    ] as [string, Record<string, string>, RegExp | undefined][]
  ) {
    pythonCache(home.path, id, { "config.json": "{}", ...files });
    if (lack) assert.match(await refusal(id, ["tokenizer"], env), lack);
    else assert.equal((await resolveModel(id, { kinds: ["tokenizer"], env })).source, "cache", id);
  }
});

Deno.test("resolveModel() trusts no commit of the cache that is none", async () => {
  using home = temporaryFolder();
  const cache = pythonCache(home.path, "a/b", TEXT_FILES);
  Deno.writeTextFileSync(join(cache, "refs", "main"), `../snapshots/${COMMIT}`);
  assert.match(await refusal("a/b", [], { HF_HOME: home.path, HF_HUB_OFFLINE: "1" }), /does not have it/);
});

Deno.test("resolveModel() takes a local folder as it is, if it suffices", async () => {
  using folder = temporaryFolder();
  const { path } = folder;
  const kinds: FileKind[] = ["weights", "preprocessor"];
  assert.match(await refusal(path, kinds), /^Cannot use .*: it lacks config\.json, model\.safetensors$/);
  Deno.writeTextFileSync(join(path, "config.json"), "{}");
  Deno.writeTextFileSync(join(path, "tf_model.h5"), "");
  assert.match(await refusal(path, kinds), /only there as "tf_model\.h5"/);
  // Weights under a name of their own, beside what a trainer leaves.
  for (const name of ["training_args.bin", "optimizer.pt", "rng_state.pth"]) {
    Deno.writeTextFileSync(join(path, name), "");
    assert.match(await refusal(path, kinds), /it lacks model\.safetensors/);
  }
  for (const name of ["resnet50-0676ba61.pth", "pytorch_model.bin", "model.safetensors"]) {
    Deno.writeTextFileSync(join(path, name), "");
    const found = await resolveModel(path, { kinds, env: {} });
    assert.deepEqual(found, { folder: path, source: "folder", commit: undefined });
  }
  Deno.removeSync(join(path, "model.safetensors"));
  Deno.removeSync(join(path, "pytorch_model.bin"));
  Deno.writeTextFileSync(join(path, "other.ckpt"), "");
  assert.match(await refusal(path, kinds), /it lacks model\.safetensors/, "which of two is meant?");
  assert.match(await refusal(path, kinds, {}, "main"), /Cannot take revision "main" of the folder/);
});

Deno.test("resolveModel() refuses what is neither a folder nor an id", async () => {
  const ids = [
    "",
    ".",
    "./missing",
    "/no/such",
    "a/b/c",
    "../x",
    "a/..",
    "a--b/c",
    "a/b.git",
    "-a/b",
    "a b",
    "a\\b",
  ];
  ids.push("x".repeat(97), "a/b?c", "a/b#c", "C:\\models", "a/b%2f", "é/b");
  for (const id of ids.filter((id) => id !== ".")) {
    assert.match(await refusal(id, []), /there is no such folder, and it is no id of a hub/, id);
  }
  for (
    const revision of [
      "",
      "../main",
      "a/../b",
      "/a",
      "-x",
      "a b",
      "a//b",
      "a/",
      "a/.b",
      "x".repeat(201),
      "a\\b",
    ]
  ) {
    assert.match(
      await refusal("a/b", [], {}, revision),
      /is not the name of a branch, tag or commit/,
      revision,
    );
  }
});

Deno.test("resolveModel() takes every id and revision that a hub may have", async () => {
  using home = temporaryFolder();
  const env = { HF_HOME: home.path, HF_HUB_OFFLINE: "1" };
  for (
    const id of [
      "a",
      "_",
      "a/b",
      "A_1/b.c-d",
      "a.b/c_d",
      "x".repeat(96),
      `${"x".repeat(47)}/${"y".repeat(48)}`,
    ]
  ) {
    assert.match(await refusal(id, [], env), /offline/, id);
  }
  const revisions = ["main", "v1", "_x", "refs/pr/1", "a.b+c", "a/b.c", COMMIT, "9", "x".repeat(200)];
  for (const revision of revisions) {
    assert.match(await refusal("a/b", [], env, revision), /offline/, revision);
  }
});

Deno.test("cacheFolder() follows the variables of Hugging Face's libraries", () => {
  const HOME = join("/home", "me");
  const cases: [Record<string, string>, string][] = [
    [{}, join(HOME, ".cache", "huggingface", "hub")],
    [{ XDG_CACHE_HOME: "/xdg" }, join("/xdg", "huggingface", "hub")],
    [{ XDG_CACHE_HOME: "/xdg", HF_HOME: "/hf" }, join("/hf", "hub")],
    [{ HF_HOME: "~/hf" }, join(HOME, "hf", "hub")],
    [{ HF_HOME: "/hf", HF_HUB_CACHE: "/cache" }, "/cache"],
    [{ HF_HOME: "", HF_HUB_CACHE: "" }, join(HOME, ".cache", "huggingface", "hub")],
  ];
  for (const [env, folder] of cases) assert.equal(cacheFolder({ HOME, ...env }), folder);
  assert.throws(() => cacheFolder({}), UserError);
});

Deno.test("placeLink() falls back to a hard link, then to a copy", () => {
  using folder = temporaryFolder();
  const target = join(folder.path, "blob");
  Deno.writeTextFileSync(target, "content");
  const never = () => {
    throw new Deno.errors.NotSupported("no links here");
  };
  const { symlinkSync, linkSync, copyFileSync } = Deno;
  const links = { symlinkSync, linkSync, copyFileSync };
  const cases = [links, { ...links, symlinkSync: never }, { ...links, symlinkSync: never, linkSync: never }];
  for (const [i, system] of cases.entries()) {
    const path = join(folder.path, `link${i}`);
    placeLink("blob", target, path, system);
    assert.equal(Deno.readTextFileSync(path), "content");
    assert.equal(Deno.lstatSync(path).isSymlink, i === 0);
    assert.equal(Deno.statSync(path).ino === Deno.statSync(target).ino, i < 2);
  }
});

Deno.test("HubClient refuses an unusable HF_ENDPOINT or HF_TOKEN without showing it", () => {
  const cases = [
    { HF_ENDPOINT: "huggingface.co" },
    { HF_ENDPOINT: "ftp://secret" },
    { HF_ENDPOINT: "https://me:secret@huggingface.co" },
    { HF_TOKEN: "hf_secret\r\nx: y" },
    { HF_TOKEN: "hf secret" },
  ];
  for (const env of cases) {
    const make = () => new HubClient(env, SYSTEM_CLOCK, () => {});
    assert.throws(make, (e) => e instanceof UserError && !e.message.includes("secret"), JSON.stringify(env));
  }
  assert.equal(new HubClient({}, SYSTEM_CLOCK, () => {}).endpoint, "https://huggingface.co");
  const mirror = new HubClient({ HF_ENDPOINT: "https://mirror.test/hf/" }, SYSTEM_CLOCK, () => {});
  assert.equal(
    mirror.fileUrl("a/b", COMMIT, "config.json"),
    `https://mirror.test/hf/a/b/resolve/${COMMIT}/config.json`,
  );
});

Deno.test("removeFile() removes a file, minds none that is missing, and throws for what it cannot remove", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.txt");
  Deno.writeTextFileSync(path, "a");
  removeFile(path);
  assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
  removeFile(path);
  Deno.mkdirSync(join(path, "within"), { recursive: true });
  assert.throws(() => removeFile(path));
  assert.ok(Deno.statSync(path).isDirectory);
});
