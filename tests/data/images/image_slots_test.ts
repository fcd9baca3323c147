/** Slots of decoded images, in memory and in a file: what is kept, what is not, and what damage does. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type ImageSlots, MemorySlots, openDiskSlots } from "../../../src/data/images/image_slots.ts";
import { temporaryFolder } from "../../io/crafted.ts";

const SHAPE = { count: 3, height: 1, width: 3 }; // nine bytes an image, which is no whole number of words
const image = (seed: number) => Uint8Array.from({ length: 9 }, (_, i) => (i * 41 + seed * 97) % 256);

function openIn(folder: string, { shape = SHAPE, content = "photos" } = {}): ImageSlots {
  return openDiskSlots(folder, "test", shape, content, (message) => assert.fail(message));
}

const onlyFile = (folder: string) => {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  assert.equal(names.length, 1);
  return join(folder, names[0]!);
};

const kinds: Readonly<Record<string, (folder: string) => ImageSlots>> = {
  memory: () => new MemorySlots(),
  file: openIn,
};
for (const [name, open] of Object.entries(kinds)) {
  Deno.test(`slots in ${name} give back what was written, for its fingerprint alone`, () => {
    using folder = temporaryFolder();
    const slots = open(folder.path);
    assert.equal(slots.read(0, 5n), undefined);
    for (const [i, fingerprint] of [5n, 2n ** 64n - 1n, 6n].entries()) slots.write(i, fingerprint, image(i));
    slots.write(2, 7n, image(9));
    assert.deepEqual(slots.read(0, 5n), image(0));
    assert.deepEqual(slots.read(1, 2n ** 64n - 1n), image(1));
    assert.deepEqual(slots.read(2, 7n), image(9));
    for (const [i, fingerprint] of [[0, 6n], [1, 1n], [2, 6n]] as const) {
      assert.equal(slots.read(i, fingerprint), undefined);
    }
    slots.close();
  });
}

Deno.test("slots in memory hold so many bytes and no more; what replaces another counts the difference", () => {
  const slots = new MemorySlots(20);
  const sized = (size: number) => new Uint8Array(size).fill(size);
  const kept = () => [0, 1, 2].map((i) => slots.read(i, 1n)?.length);
  slots.write(0, 1n, sized(12));
  slots.write(1, 1n, sized(9)); // one too many
  assert.deepEqual(kept(), [12, undefined, undefined]);
  slots.write(1, 1n, sized(8)); // all there is
  slots.write(2, 1n, sized(1));
  assert.deepEqual(kept(), [12, 8, undefined]);
  slots.write(0, 1n, sized(10));
  slots.write(2, 1n, sized(2));
  assert.deepEqual(kept(), [10, 8, 2]);
  slots.write(0, 1n, sized(11));
  assert.deepEqual(kept(), [10, 8, 2]);
  slots.close();
  assert.deepEqual(kept(), [undefined, undefined, undefined]);
});

Deno.test("a file of slots is taken up by whoever opens it for the same content, and seen by none that reads others", () => {
  using folder = temporaryFolder();
  const first = openIn(folder.path);
  first.write(1, 5n, image(1));
  const second = openIn(folder.path);
  assert.deepEqual(second.read(1, 5n), image(1));
  assert.equal(second.read(0, 0n), undefined, "a slot never written is empty");
  first.close();
  second.close();
  for (
    const other of [{ content: "drawings" }, { shape: { ...SHAPE, width: 4 } }, {
      shape: { ...SHAPE, count: 4 },
    }]
  ) {
    const slots = openIn(folder.path, other);
    assert.equal(slots.read(1, 5n), undefined);
    slots.close();
  }
});

// The places of single bytes: of the header, of an entry's fingerprint and check sum, of each pixel.
Deno.test("a changed byte costs the image it belongs to, one of the header all of them, and no other byte matters", () => {
  using folder = temporaryFolder();
  const slots = openIn(folder.path);
  for (const i of [0, 1, 2]) slots.write(i, BigInt(i + 1), image(i));
  slots.close();
  const path = onlyFile(folder.path);
  const whole = Deno.readFileSync(path);
  const [header, entry, size] = [64, 16, 9];
  assert.equal(whole.length, header + 3 * (entry + size));
  const lost = (at: number) => {
    if (at < header) return [0, 1, 2];
    if (at < header + 3 * entry) return (at - header) % entry < 12 ? [Math.floor((at - header) / entry)] : [];
    return [Math.floor((at - header - 3 * entry) / size)];
  };
  for (let at = 0; at < whole.length; at++) {
    const damaged = whole.slice();
    damaged[at]! ^= 0x10;
    Deno.writeFileSync(path, damaged);
    const again = openIn(folder.path);
    const found = [0, 1, 2].filter((i) => again.read(i, BigInt(i + 1)) === undefined);
    assert.deepEqual(found, lost(at), `byte ${at}`);
    again.write(1, 2n, image(1));
    assert.deepEqual(again.read(1, 2n), image(1), "it can be written again");
    again.close();
  }
  for (const length of [0, 10, header + 5, header + 3 * entry + 2, whole.length - 1]) {
    Deno.writeFileSync(path, whole.slice(0, length));
    const again = openIn(folder.path);
    assert.equal(again.read(2, 3n), undefined, `cut to ${length} bytes`);
    again.close();
  }
});

Deno.test("images of another size are refused, and where there can be no file memory serves", () => {
  using folder = temporaryFolder();
  const slots = openIn(folder.path);
  assert.throws(
    () => slots.write(0, 1n, new Uint8Array(8)),
    /RangeError: An image of the cache takes 9 bytes, got 8/,
  );
  slots.close();
  const notes: string[] = [];
  const inMemory = openDiskSlots(
    onlyFile(folder.path),
    "test",
    SHAPE,
    "photos",
    (message) => notes.push(message),
  );
  assert.match(notes.join(), /^Cannot use the image cache .*\.slots: /);
  inMemory.write(0, 1n, image(0));
  assert.deepEqual(inMemory.read(0, 1n), image(0));
});

Deno.test("the bytes of a file of slots are these: whoever changes them raises its version", () => {
  using folder = temporaryFolder();
  const slots = openIn(folder.path);
  slots.write(0, 0x0123456789abcdefn, image(0));
  slots.write(2, 1n, image(2));
  slots.close();
  const path = onlyFile(folder.path);
  const digest = createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
  assert.deepEqual([path.slice(folder.path.length + 1), digest.slice(0, 32)], [
    "test-54a711b6fc5dc9c2.slots",
    "70cb5f0ab72377d9aacb10d9913a81c2",
  ]);
});
