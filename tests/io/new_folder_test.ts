/** Folders that appear whole or not at all, and what they say where they cannot. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryOf } from "../../src/io/new_file.ts";
import { NewFolder } from "../../src/io/new_folder.ts";
import { temporaryFolder } from "./crafted.ts";

const namesIn = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test("a folder is beside its place while it is filled, and takes it whole; an empty one gives way", () => {
  using around = temporaryFolder();
  const path = join(around.path, "deep", "new");
  for (const named of [path, `${path}//`]) {
    Deno.mkdirSync(path, { recursive: true });
    {
      using folder = new NewFolder(named);
      assert.equal(folder.path, path);
      Deno.writeTextFileSync(join(folder.filled, "a"), "text");
      assert.equal(folder.placeOf(join(folder.filled, "a")), join(path, "a"));
      assert.deepEqual(namesIn(path), []);
      folder.place();
    }
    assert.deepEqual(namesIn(path), ["a"]);
    assert.deepEqual(namesIn(join(around.path, "deep")), ["new"]);
    Deno.removeSync(path, { recursive: true });
  }
});

Deno.test("a folder that cannot take its place says so, and goes; what was there stays", () => {
  using around = temporaryFolder();
  const path = join(around.path, "new");
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(join(path, "old"), "");
  const refused = (error: unknown) => error instanceof UserError && error.message.includes(path);
  {
    using folder = new NewFolder(path);
    Deno.writeTextFileSync(join(folder.filled, "a"), "");
    assert.throws(() => folder.place(), refused);
  }
  assert.deepEqual(namesIn(around.path), ["new"]);
  assert.deepEqual(namesIn(path), ["old"]);
  // No folder can be made in a file.
  assert.throws(() => new NewFolder(join(path, "old", "new")), refused);
});

Deno.test("one process at a time fills a folder, and what one that was killed left is removed", () => {
  using around = temporaryFolder();
  const path = join(around.path, "new");
  {
    using folder = new NewFolder(path);
    Deno.writeTextFileSync(join(folder.filled, "a"), "");
    assert.throws(() => new NewFolder(path), /UserError: Cannot write .*new: another process is writing it/);
    assert.deepEqual(namesIn(folder.filled), ["a"]);
  }
  assert.deepEqual(namesIn(around.path), []);
  {
    // One that took its place leaves what is beside it to the next.
    const placed = new NewFolder(path);
    placed.place();
    using next = new NewFolder(path);
    placed[Symbol.dispose]();
    next.place();
  }
  Deno.mkdirSync(temporaryOf(path));
  Deno.writeTextFileSync(join(temporaryOf(path), "left"), "");
  using folder = new NewFolder(path);
  assert.equal(folder.filled, temporaryOf(path));
  assert.deepEqual(namesIn(folder.filled), []);
});
