/** How files of a run are read while they are written: by who writes them, by others, and after these were killed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { NewFile, temporaryOf } from "../../src/io/new_file.ts";
import { RunFiles, SUMS } from "../../src/runs/run_files.ts";
import { temporaryFolder } from "../io/crafted.ts";

const namesIn = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

/** A run whose list has a new file "a", which the process that wrote it holds beside its place. */
function beingPlaced(folder: string): NewFile {
  const files = new RunFiles(folder);
  files.writeText("a", "new");
  const list = Deno.readTextFileSync(files.path(SUMS));
  files.writeText("a", "old");
  const file = new NewFile(files.path("a"));
  file.write(new TextEncoder().encode("new"));
  file.sync();
  Deno.writeTextFileSync(files.path(SUMS), list);
  return file;
}

/** What `body` gives, and how its waits ended; `waited` is called after each, with the number of those before. */
function whileWaiting<T>(waited: (before: number) => void, body: () => T): { result: T; ends: string[] } {
  const { wait } = Atomics;
  const ends: string[] = [];
  Atomics.wait = ((...args: Parameters<typeof wait>) => {
    const end = wait.apply(Atomics, args);
    waited(ends.length);
    ends.push(end);
    return end;
  }) as typeof wait;
  try {
    return { result: body(), ends };
  } finally {
    Atomics.wait = wait;
  }
}

Deno.test("a reader waits for a file that is just being put into its place, for a second at most", () => {
  using folder = temporaryFolder();
  using file = beingPlaced(folder.path);
  const files = new RunFiles(folder.path);
  const { result, ends } = whileWaiting((before) => before === 2 && file.place(), () => files.whole("a"));
  assert.equal(Deno.readTextFileSync(result), "new");
  assert.deepEqual(ends, ["timed-out", "timed-out", "timed-out"]);
  using other = temporaryFolder();
  using _ = beingPlaced(other.path);
  let waits = 0;
  const start = performance.now();
  whileWaiting(() => waits++, () => {
    assert.throws(() => new RunFiles(other.path).whole("a"), /UserError: .*a is damaged/);
  });
  assert.equal(waits, 50);
  assert.ok(performance.now() - start >= 950);
});

Deno.test("a reader takes what has counted since, and what a process that was killed left beside its place", () => {
  using folder = temporaryFolder();
  const files = new RunFiles(folder.path);
  {
    using file = beingPlaced(folder.path);
    // Meanwhile the writer goes on to the next.
    const { result } = whileWaiting((before) => {
      if (before > 0) return;
      file.place();
      new RunFiles(folder.path).writeText("a", "newer");
    }, () => files.whole("a"));
    assert.equal(Deno.readTextFileSync(result), "newer");
  }
  using other = temporaryFolder();
  beingPlaced(other.path).leave();
  const left = new RunFiles(other.path);
  assert.equal(left.whole("a"), temporaryOf(left.path("a")));
  Deno.removeSync(left.path("a"));
  assert.ok(left.isThere("a"));
  Deno.removeSync(temporaryOf(left.path("a")));
  assert.ok(!left.isThere("a"));
  assert.ok(left.has("a"));
});

Deno.test("of a name that is written twice together the last counts; while they are written both are there to be read", () => {
  using folder = temporaryFolder();
  const files = new RunFiles(folder.path);
  files.together(() => {
    files.writeText("inner/a", "first");
    assert.ok(files.has("inner/a") && files.isThere("inner/a"));
    assert.equal(Deno.readTextFileSync(files.whole("inner/a")), "first");
    files.writeText("inner/a", "second");
    files.together(() => files.writeText("b", "b"));
    assert.ok(!new RunFiles(folder.path).has("b"), "none counts before all do");
  });
  assert.equal(Deno.readTextFileSync(files.whole("inner/a")), "second");
  assert.deepEqual(files.namesIn("inner"), ["inner/a"]);
  assert.deepEqual(namesIn(folder.path), [SUMS, "b", "inner"]);
});

Deno.test("nothing is written into a run whose folder or list of checksums was removed meanwhile", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "run");
  Deno.mkdirSync(path);
  const files = new RunFiles(path);
  files.writeText("a", "text");
  Deno.removeSync(join(path, SUMS));
  assert.throws(
    () => files.writeText("a", "new"),
    /UserError: Cannot write .*SHA256SUMS: it was removed while/,
  );
  assert.equal(Deno.readTextFileSync(join(path, "a")), "text");
  assert.throws(() => files.mustHaveSums(), /UserError: The run .*run has no SHA256SUMS/);
  Deno.removeSync(path, { recursive: true });
  assert.throws(() => files.writeText("a", "new"), /UserError: Cannot write .*a: there is no folder .*run/);
  assert.deepEqual(namesIn(folder.path), []);
});
