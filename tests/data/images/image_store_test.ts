import assert from "node:assert/strict";
import { join } from "node:path";
import {
  cachedImages,
  type CacheOptions,
  defaultCacheDirectory,
  ImageStore,
} from "../../../src/data/images/image_store.ts";
import { withVariables } from "../../variables.ts";

const shape = { count: 3, height: 2, width: 4 };
const images = Uint8Array.from({ length: 3 * 2 * 4 * 3 }, (_, i) => i * 3);

/** Runs `use` on a fresh folder with a decoder that counts its calls and a list of the notes. */
async function withCache(
  use: (cache: {
    directory: string;
    load: (options?: Partial<CacheOptions>) => Promise<ImageStore>;
    decoded: () => number;
    notes: string[];
    file: () => string;
  }) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "unis-cache-" });
  let decoded = 0;
  const notes: string[] = [];
  try {
    await use({
      directory,
      load: (options) =>
        cachedImages(shape, {
          directory,
          name: "things",
          content: ["a@1"],
          note: (text) => notes.push(text),
          ...options,
        }, () => {
          decoded++;
          return Promise.resolve(images.slice());
        }),
      decoded: () => decoded,
      notes,
      file: () => join(directory, [...Deno.readDirSync(directory)].map((entry) => entry.name).join()),
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("cachedImages() decodes once, then reads the same bytes from its only file", () =>
  withCache(async ({ directory, load, decoded, notes }) => {
    assert.deepEqual((await load()).bytes, images);
    assert.deepEqual(new Uint8Array((await load()).bytes), images);
    assert.equal(decoded(), 1);
    assert.deepEqual(notes, []);
    const files = [...Deno.readDirSync(directory)].map((entry) => entry.name);
    assert.equal(files.length, 1, `no temporary file is left: ${files}`);
  }));

const damages: [string, (bytes: Uint8Array) => Uint8Array][] = [
  [
    "a flipped bit in the images",
    (bytes) => bytes.map((byte, i) => i === bytes.length - 5 ? byte ^ 1 : byte),
  ],
  ["a flipped bit in the header", (bytes) => bytes.map((byte, i) => i === 20 ? byte ^ 1 : byte)],
  ["a missing end", (bytes) => bytes.slice(0, -1)],
  ["bytes too many", (bytes) => Uint8Array.of(...bytes, 0)],
  ["nothing in it", () => new Uint8Array()],
  ["something else in it", () => new TextEncoder().encode("not images")],
];
for (const [name, damage] of damages) {
  Deno.test(`cachedImages() makes a cache with ${name} again and says so`, () =>
    withCache(async ({ load, decoded, notes, file }) => {
      await load();
      const path = file();
      await Deno.writeFile(path, damage(await Deno.readFile(path)));
      assert.deepEqual((await load()).bytes, images);
      assert.equal(decoded(), 2);
      assert.equal(notes.length, 1);
      assert.ok(notes[0]!.includes(path), notes[0]);
      await load();
      assert.equal(decoded(), 2, "the cache is whole again");
    }));
}

Deno.test("cachedImages() does not take the cache of other content", () =>
  withCache(async ({ load, decoded, notes, file }) => {
    await load();
    const foreign = await Deno.readFile(file());
    const old = file();
    await load({ content: ["a@2"] });
    assert.equal(decoded(), 2);
    await Deno.remove(old);
    await Deno.writeFile(file(), foreign); // the first content under the name of the second
    await load({ content: ["a@2"] });
    assert.equal(decoded(), 3);
    assert.equal(notes.length, 1);
  }));

Deno.test("cachedImages() does without a cache that cannot be written, and says so", () =>
  withCache(async ({ directory, load, decoded, notes }) => {
    const blocked = join(directory, "file");
    await Deno.writeTextFile(blocked, "");
    assert.deepEqual((await load({ directory: join(blocked, "below") })).bytes, images);
    assert.equal(decoded(), 1);
    assert.ok(notes.length >= 1 && notes.every((note) => note.includes(blocked)), notes.join());
  }));

Deno.test("cachedImages() keeps nothing without a folder", () =>
  withCache(async ({ directory, load, decoded }) => {
    await load({ directory: undefined });
    await load({ directory: undefined });
    assert.equal(decoded(), 2);
    assert.deepEqual([...Deno.readDirSync(directory)], []);
  }));

Deno.test("ImageStore refuses bytes of another size and images it does not have", () => {
  assert.throws(() => new ImageStore(images.subarray(1), shape), /RangeError.*72 bytes, got 71/);
  const store = new ImageStore(images, shape);
  assert.deepEqual([...store.image(2).pixels], [...images.subarray(48)]);
  assert.throws(() => store.image(3), RangeError);
  assert.throws(() => store.image(-1), RangeError);
});

Deno.test("defaultCacheDirectory() follows UNIS_CACHE_DIR, then XDG_CACHE_HOME, then the home folder", () => {
  const directory = (UNIS_CACHE_DIR?: string, XDG_CACHE_HOME?: string) => {
    using _ = withVariables({ UNIS_CACHE_DIR, XDG_CACHE_HOME });
    return defaultCacheDirectory();
  };
  assert.equal(directory("/own", "/xdg"), "/own");
  assert.equal(directory(undefined, "/xdg"), "/xdg/unis");
  assert.match(directory(), /\/\.cache\/unis$/);
});
