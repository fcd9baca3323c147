/** Archives of many files: what goes in comes out, always the same bytes, and damage is told. */
import assert from "node:assert/strict";
import { UserError } from "../../src/base/user_error.ts";
import { archiveDigest, packFiles, unpackFiles } from "../../src/io/file_archive.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const FILES = new Map([["b/2.bin", bytes(1, 2, 3)], ["a/ü.json", bytes(255)], ["b/1", bytes()]]);

Deno.test("an archive gives back its files, and is the same whatever their order", () => {
  const archive = packFiles(FILES);
  assert.deepEqual([...unpackFiles(archive, "x")], [...FILES].sort(([a], [b]) => a < b ? -1 : 1));
  assert.deepEqual(packFiles(new Map([...FILES].reverse())), archive);
  assert.match(archiveDigest(archive, "x"), /^[0-9a-f]{64}$/);
  assert.notEqual(
    archiveDigest(packFiles(new Map([["b/2.bin", bytes(1, 2, 4)]])), "x"),
    archiveDigest(archive, "x"),
  );
  assert.deepEqual([...unpackFiles(packFiles(new Map()), "x")], []);
});

Deno.test("a damaged archive is told as such, with its name", () => {
  const archive = packFiles(FILES);
  for (let at = 0; at < archive.length; at++) {
    const damaged = archive.slice();
    damaged[at]! ^= 1;
    assert.throws(() => unpackFiles(damaged, "the.archive"), (error) => {
      return error instanceof UserError &&
        /^Cannot read the\.archive: it is (damaged|no archive)/.test(error.message);
    });
  }
  for (const length of [0, 5, 40, archive.length - 1]) {
    assert.throws(() => unpackFiles(archive.subarray(0, length), "the.archive"), UserError);
  }
});
