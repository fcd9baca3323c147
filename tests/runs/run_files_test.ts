/** Files of a run that belong together: all of them count, or none, wherever a crash cuts them short. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { FolderLock } from "../../src/io/lock.ts";
import { NewFile, temporaryOf } from "../../src/io/new_file.ts";
import { RunFiles, SUMS } from "../../src/runs/run_files.ts";
import { copyFolder, temporaryFolder } from "../io/crafted.ts";

const NAMES = ["a", "inner/b", "inner/c"];

function write(folder: string, text: string): void {
  const files = new RunFiles(folder);
  files.together(() => {
    for (const name of NAMES) files.writeText(name, `${name} ${text}`);
  });
}

/** The text that all files have, as somebody reads them who works on nothing. */
function read(folder: string): string[] {
  const files = new RunFiles(folder);
  return NAMES.map((name) => Deno.readTextFileSync(files.whole(name)).slice(name.length + 1));
}

function allIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) =>
    isDirectory ? allIn(join(folder, name)).map((inner) => `${name}/${inner}`) : [name]
  ).sort();
}

/** Calls `body`; before its change of the file system with this number, from 0, what it has done so far is kept. */
function cutBefore(number: number, body: () => void, copy: () => void): { changes: string[] } {
  const { renameSync } = Deno, { writeSync, syncSync } = Deno.FsFile.prototype;
  const changes: string[] = [];
  const note = (change: string) => {
    if (changes.length === number) copy();
    changes.push(change);
  };
  Deno.FsFile.prototype.writeSync = function (data) {
    note("write");
    return writeSync.call(this, data);
  };
  Deno.FsFile.prototype.syncSync = function () {
    note(this.statSync().isDirectory ? "sync folder" : "sync");
    syncSync.call(this);
  };
  Deno.renameSync = (from, to) => {
    note(`rename to ${basename(String(to))}`);
    renameSync(from, to);
  };
  try {
    body();
  } finally {
    Deno.renameSync = renameSync;
    Object.assign(Deno.FsFile.prototype, { writeSync, syncSync });
  }
  return { changes };
}

Deno.test("files are on the disk before the list that makes them count, and that before they take their places", () => {
  using folder = temporaryFolder();
  const { changes } = cutBefore(-1, () => write(folder.path, "old"), () => {});
  assert.deepEqual(changes, [
    ...NAMES.flatMap(() => ["write", "sync"]),
    ...["sync folder", "sync folder", "sync folder"], // the one around them, too
    ...["write", "sync", `rename to ${SUMS}`, "sync folder"],
    ...["rename to a", "rename to b", "rename to c"],
    ...["sync folder", "sync folder", "sync folder"],
  ]);
  assert.deepEqual(allIn(folder.path), [SUMS, ...NAMES]);
  const list = Deno.readTextFileSync(join(folder.path, SUMS)).split("\n");
  assert.match(list[1]!, /^[0-9a-f]{64} {2}inner\/b$/); // as sha256sum has it
});

Deno.test("wherever writing is cut short, readers have all old files or all new ones, and going on leaves nothing else", () => {
  let isNew = false;
  for (let number = 0;; number++) {
    using folder = temporaryFolder();
    const [whole, cut] = [join(folder.path, "whole"), join(folder.path, "cut")];
    Deno.mkdirSync(whole);
    write(whole, "old");
    const { changes } = cutBefore(number, () => write(whole, "new"), () => copyFolder(whole, cut));
    if (number >= changes.length) break;
    const found = read(cut);
    assert.equal(new Set(found).size, 1, `before ${number}: ${found}`);
    assert.ok(!isNew || found[0] === "new", `before ${number}, ${changes[number]}: old again`);
    isNew = found[0] === "new";
    assert.equal(isNew, changes.slice(0, number).includes(`rename to ${SUMS}`), `before ${number}`);
    new RunFiles(cut).hold()[Symbol.dispose]();
    assert.deepEqual(read(cut), found);
    assert.deepEqual(allIn(cut), [SUMS, ...NAMES]);
  }
  assert.ok(isNew);
});

/** What a disk may hold after the power failed: contents of files as they were last synced, under the names of now or of the last sync. */
class LossyDisk {
  /** By inode. */
  readonly #contents = new Map<number, Uint8Array>();
  /** By the path of the folder, inodes and folders by name. */
  readonly #names = new Map<string, Map<string, number | "folder">>();

  syncFile(file: Deno.FsFile, path: string): void {
    this.#contents.set(file.statSync().ino!, Deno.readFileSync(path));
  }

  syncFolder(path: string): void {
    this.#names.set(path, namesIn(path));
  }

  restore(from: string, to: string, names: "of now" | "synced"): void {
    Deno.mkdirSync(to, { recursive: true });
    const found = names === "of now" ? namesIn(from) : this.#names.get(from) ?? new Map();
    for (const [name, what] of found) {
      if (what === "folder") this.restore(join(from, name), join(to, name), names);
      else Deno.writeFileSync(join(to, name), this.#contents.get(what) ?? new Uint8Array());
    }
  }
}

function namesIn(folder: string): Map<string, number | "folder"> {
  return new Map(Array.from(Deno.readDirSync(folder), ({ name, isDirectory }) => {
    return [name, isDirectory ? "folder" : Deno.statSync(join(folder, name)).ino!] as const;
  }));
}

Deno.test("whenever the power fails, what was not flushed to the disk costs no file that counted, and all count or none", () => {
  const { openSync, renameSync } = Deno, { writeSync, syncSync } = Deno.FsFile.prototype;
  const paths = new WeakMap<Deno.FsFile, string>();
  let disk: LossyDisk, look = (_change: string) => {};
  Deno.openSync = (path, options) => {
    const file = openSync(path, options);
    paths.set(file, String(path));
    return file;
  };
  Deno.FsFile.prototype.writeSync = function (data) {
    look("write");
    return writeSync.call(this, data);
  };
  Deno.FsFile.prototype.syncSync = function () {
    look("sync");
    syncSync.call(this);
    const path = paths.get(this)!;
    if (this.statSync().isDirectory) disk.syncFolder(path);
    else disk.syncFile(this, path);
  };
  Deno.renameSync = (from, to) => {
    look("rename");
    renameSync(from, to);
  };
  try {
    for (const names of ["of now", "synced"] as const) {
      using folder = temporaryFolder();
      const run = join(folder.path, "run");
      disk = new LossyDisk();
      Deno.mkdirSync(run);
      look = () => {};
      write(run, "old");
      let number = 0, isNew = false;
      look = (change) => {
        const saved = look;
        look = () => {};
        const cut = join(folder.path, `cut-${number++}`);
        disk.restore(run, cut, names);
        const found = read(cut);
        assert.equal(new Set(found).size, 1, `before ${change} ${number}, names ${names}: ${found}`);
        assert.ok(!isNew || found[0] === "new", `before ${change} ${number}, names ${names}: old again`);
        isNew = found[0] === "new";
        look = saved;
      };
      write(run, "new");
      look("end");
      assert.ok(isNew, "what was written is lost after all is done");
    }
  } finally {
    Object.assign(Deno, { openSync, renameSync });
    Object.assign(Deno.FsFile.prototype, { writeSync, syncSync });
  }
});

Deno.test("where writing one of several files fails, the others stay as they were, and nothing is left", () => {
  using folder = temporaryFolder();
  write(folder.path, "old");
  const files = new RunFiles(folder.path);
  const fails = () =>
    files.together(() => {
      files.writeText("a", "new");
      files.write("inner/b", {
        *[Symbol.iterator]() {
          yield Uint8Array.of(1);
          throw new UserError("full");
        },
      });
    });
  assert.throws(fails, /UserError: full/);
  assert.deepEqual(read(folder.path), ["old", "old", "old"]);
  assert.deepEqual(allIn(folder.path), [SUMS, ...NAMES]);
});

Deno.test("a file that is gone, or not as it was written, is refused by name; one that the list lacks is taken as it is", () => {
  using folder = temporaryFolder();
  write(folder.path, "old");
  const files = new RunFiles(folder.path);
  const path = files.path("inner/b");
  Deno.writeTextFileSync(path, "changed");
  const damaged =
    /UserError: .*inner.b is damaged: .* checksum in SHA256SUMS\. Restore .* remove the line of inner\/b from/;
  assert.throws(() => files.whole("inner/b"), damaged);
  assert.throws(() => files.whole("inner/b", () => "Do that"), /SHA256SUMS\. Do that$/);
  Deno.removeSync(path);
  assert.ok(files.has("inner/b"));
  assert.throws(
    () => files.whole("inner/b"),
    /UserError: .*inner.b is gone, which SHA256SUMS lists\. Restore/,
  );
  const list = join(folder.path, SUMS);
  Deno.writeTextFileSync(list, Deno.readTextFileSync(list).replace(/.*inner\/b\n/, ""));
  assert.ok(!files.has("inner/b"));
  Deno.writeTextFileSync(path, "by hand");
  assert.equal(files.whole("inner/b"), path);
  Deno.writeTextFileSync(list, "0123  a\n");
  assert.throws(
    () => files.whole("a"),
    /UserError: Cannot use .*SHA256SUMS: line 1 is no checksum of a file/,
  );
});

Deno.test("one process at a time has a folder, and a lock that was left blocks nobody", () => {
  using folder = temporaryFolder();
  {
    using _ = new RunFiles(folder.path).hold();
    assert.throws(
      () => new RunFiles(folder.path).hold(),
      (error) =>
        error instanceof UserError &&
        error.message.startsWith(`Another process works on ${folder.path}: wait`),
    );
  }
  assert.deepEqual(allIn(folder.path), []);
  Deno.writeTextFileSync(join(folder.path, "lock"), "");
  new FolderLock(folder.path, "")[Symbol.dispose]();
  assert.deepEqual(allIn(folder.path), []);
});

Deno.test("a file that a process left half written is written anew, and one that is being written is left to it", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x".repeat(255));
  Deno.writeTextFileSync(temporaryOf(path), "half");
  {
    using first = new NewFile(path);
    assert.throws(() => new NewFile(path), /UserError: Cannot write .*: another process is writing it/);
    first.write(Uint8Array.of(7));
    first.sync();
    first.place();
  }
  assert.deepEqual(Deno.readFileSync(path), Uint8Array.of(7));
  const elsewhere = join(folder.path, "elsewhere");
  Deno.writeTextFileSync(elsewhere, "precious");
  Deno.symlinkSync(elsewhere, temporaryOf(path));
  new NewFile(path)[Symbol.dispose]();
  assert.equal(Deno.readTextFileSync(elsewhere), "precious");
  assert.deepEqual(allIn(folder.path), [basename(path), "elsewhere"].sort());
});

Deno.test("the name of the folder of a run is on the disk too where its path is one letter", () => {
  using folder = temporaryFolder();
  const code = `
    const { RunFiles } = await import(${JSON.stringify(import.meta.resolve("../../src/runs/run_files.ts"))});
    const synced = [];
    const { syncSync } = Deno.FsFile.prototype;
    Deno.FsFile.prototype.syncSync = function () {
      synced.push(this.statSync().ino);
      syncSync.call(this);
    };
    Deno.mkdirSync("r");
    new RunFiles("r").writeText("a", "text");
    console.log(["r", "."].every((path) => synced.includes(Deno.statSync(path).ino)));`;
  const { stdout } = new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    cwd: folder.path,
    env: { NO_COLOR: "1" },
  }).outputSync();
  assert.equal(new TextDecoder().decode(stdout), "true\n");
});

Deno.test("what is added to a file takes memory for itself alone, and goes to no file that was damaged", () => {
  using folder = temporaryFolder();
  const files = new RunFiles(folder.path);
  const [name, before] = ["a", "line\n".repeat(500_000)];
  files.writeText(name, before);
  const { readSync } = Deno.FsFile.prototype;
  let most = 0;
  Deno.FsFile.prototype.readSync = function (into) {
    most = Math.max(most, into.length);
    return readSync.call(this, into);
  };
  try {
    files.append(name, "one more\n");
    files.append("new", "the first\n");
  } finally {
    Deno.FsFile.prototype.readSync = readSync;
  }
  assert.ok(most > 0 && most < before.length / 4, `${most} bytes of ${before.length} were read at once`);
  assert.ok(Deno.readTextFileSync(files.whole(name)) === `${before}one more\n`);
  assert.equal(Deno.readTextFileSync(files.whole("new")), "the first\n");
  const twice = () => files.together(() => [1, 2].forEach((line) => files.append("new", `${line}\n`)));
  assert.throws(twice, /RangeError|added to twice/);
  assert.equal(Deno.readTextFileSync(files.whole("new")), "the first\n");
  Deno.writeTextFileSync(files.path(name), "x", { append: true });
  assert.throws(() => files.append(name, "lost"), UserError);
});
