/** The archive of the emoji that a compiled program carries, against the packages it is made of. */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../src/base/user_error.ts";
import { indexEmoji } from "../../src/data/emoji/emoji.ts";
import { emojiPackages, packEmoji } from "../../src/data/emoji/packages.ts";
import type { SampleIndex } from "../../src/data/index/sample_index.ts";
import { temporaryFolder } from "../io/crafted.ts";

const imagesOf = ({ samples }: SampleIndex) => samples.map(({ inputs }) => inputs.image as string);
const installed = await indexEmoji({ cacheDirectory: false });
const archive = await packEmoji(imagesOf(installed));
const small = await packEmoji(imagesOf(installed).slice(0, 10));

Deno.test("the archive of the emoji has the samples of the packages, image by image", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "emoji.archive");
  Deno.writeFileSync(file, archive);
  const resolve = await emojiPackages(join(folder.path, "cache"), file);
  const found = await indexEmoji({ resolve, cacheDirectory: false });
  assert.deepEqual(found.classes, installed.classes);
  assert.deepEqual(withoutImages(found), withoutImages(installed));
  for (const [i, path] of imagesOf(found).entries()) {
    assert.ok(!relative(folder.path, path).startsWith(".."), path);
    assert.deepEqual(Deno.readFileSync(path), Deno.readFileSync(imagesOf(installed)[i]!), path);
  }
  const subgroups = { labels: "subgroup", cacheDirectory: false } as const;
  const [few, all] = [await indexEmoji({ ...subgroups, resolve }), await indexEmoji(subgroups)];
  assert.deepEqual(withoutImages(few), withoutImages(all));
});

const withoutImages = ({ samples }: SampleIndex) =>
  samples.map(({ inputs, ...sample }) => ({ ...sample, text: inputs.text }));

Deno.test("the archive of the emoji is the same each time, and small", async () => {
  assert.deepEqual(await packEmoji(imagesOf(installed).toReversed()), archive);
  assert.ok(archive.length < 12e6, `${archive.length} bytes`);
});

Deno.test("the archive is unpacked once; other packages are found where they are", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "emoji.archive");
  Deno.writeFileSync(file, small);
  const find = async () =>
    fileURLToPath((await emojiPackages(folder.path, file))("emojibase-data/en/data.json"));
  const path = await find();
  const damaged = small.slice();
  damaged[damaged.length - 1]! ^= 1;
  Deno.writeFileSync(file, damaged); // which nobody looks at any more
  assert.equal(await find(), path);
  assert.deepEqual([...Deno.readDirSync(folder.path)].length, 2, "nothing else is left");
  const resolve = await emojiPackages(folder.path, file);
  assert.equal(resolve("zod"), import.meta.resolve("zod"));
  assert.ok(dirname(path).startsWith(folder.path));
});

Deno.test("an archive that cannot be unpacked is told, and nothing of it is left", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "emoji.archive");
  const cache = join(folder.path, "cache");
  Deno.writeFileSync(file, small.slice(0, -1));
  await assert.rejects(emojiPackages(cache, file), {
    name: "UserError",
    message: /emoji\.archive: it is damaged/,
  });
  Deno.writeFileSync(file, small);
  Deno.writeTextFileSync(cache, "");
  await assert.rejects(
    emojiPackages(cache, file),
    (error) => error instanceof UserError && /Cannot make/.test(error.message),
  );
  assert.deepEqual([...Deno.readDirSync(folder.path)].length, 2);
});
