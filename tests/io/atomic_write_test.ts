/** Files that appear whole or not at all: what is renamed into place has been written and flushed to the disk, and so is its folder then. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { NewFile, removeAllLeft, writeTextFile } from "../../src/io/new_file.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { temporaryFolder } from "./crafted.ts";

const writers: Readonly<Record<string, (path: string) => void>> = {
  writeTextFile: (path) => writeTextFile(path, "new"),
  writeSafetensors: (path) =>
    writeSafetensors(path, { a: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) } }),
};

/** What `body` asks of the file system, in order. */
function callsOf(body: () => void): string[] {
  const { renameSync } = Deno, { writeSync, syncSync, close } = Deno.FsFile.prototype;
  const calls: string[] = [];
  const note = (name: string) => calls.at(-1) !== name && calls.push(name);
  Deno.FsFile.prototype.writeSync = function (data) {
    note("write");
    return writeSync.call(this, data);
  };
  Deno.FsFile.prototype.syncSync = function () {
    note("sync");
    syncSync.call(this);
  };
  Deno.FsFile.prototype.close = function () {
    note("close");
    close.call(this);
  };
  Deno.renameSync = (from, to) => {
    note("rename");
    renameSync(from, to);
  };
  try {
    body();
  } finally {
    Deno.renameSync = renameSync;
    Object.assign(Deno.FsFile.prototype, { writeSync, syncSync, close });
  }
  return calls;
}

Deno.test("what was left is removed from a folder, and from those below it where that is wanted; the rest stays", () => {
  for (const below of [true, false]) {
    using folder = temporaryFolder();
    const inner = join(folder.path, "a", "b");
    Deno.mkdirSync(inner, { recursive: true });
    for (const place of [folder.path, inner]) {
      for (const name of ["left.unis.tmp", "kept"]) Deno.writeTextFileSync(join(place, name), "");
    }
    using written = new NewFile(join(inner, "written"));
    written.write(Uint8Array.of(1));
    removeAllLeft(folder.path, below);
    const names = (path: string) => Array.from(Deno.readDirSync(path), ({ name }) => name).sort();
    assert.deepEqual(names(folder.path), ["a", "kept"]);
    const kept = ["kept", "written.unis.tmp"];
    assert.deepEqual(names(inner), below ? kept : ["kept", "left.unis.tmp", "written.unis.tmp"]);
  }
});

for (const [name, write] of Object.entries(writers)) {
  Deno.test(`${name}() flushes what it wrote before it takes the place of what was there`, () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "file");
    Deno.writeTextFileSync(path, "old");
    const calls = callsOf(() => write(path));
    assert.deepEqual(calls.filter((call) => call !== "close"), ["write", "sync", "rename", "sync"]);
    assert.notEqual(Deno.readTextFileSync(path), "old");
    assert.deepEqual(Array.from(Deno.readDirSync(folder.path), (entry) => entry.name), ["file"]);
  });

  Deno.test(`${name}() leaves what was there, and nothing beside it, where it fails`, () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "file");
    Deno.mkdirSync(path); // no file can take its place
    assert.throws(() => write(path), (error) => error instanceof UserError && error.message.includes(path));
    assert.deepEqual(Array.from(Deno.readDirSync(folder.path), (entry) => entry.name), ["file"]);
    assert.ok(Deno.statSync(path).isDirectory);
  });
}
