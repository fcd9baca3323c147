/** What is read and written beside data: texts, lists of checksums, files without a name, and names that are meant. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { checksumList, checksumOf, parseChecksumList } from "../../src/io/checksum.ts";
import { exists, isFolder, makeFolder, readJson, remove } from "../../src/io/files.ts";
import { suggestModel } from "../../src/io/known_models.ts";
import { suggestPath, whyUnwritable } from "../../src/io/nearby_path.ts";
import { ScratchFile } from "../../src/io/scratch_file.ts";
import { readAnyText, readUtf8 } from "../../src/io/text_file.ts";
import { temporaryFolder } from "./crafted.ts";

Deno.test("readUtf8() reads UTF-8 alone, up to a size, and names the line", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.txt");
  const write = (...bytes: number[]) => Deno.writeFileSync(path, Uint8Array.from(bytes));
  Deno.writeTextFileSync(path, "\ufeffé\n🎈");
  assert.equal(readUtf8(path), "é\n🎈");
  Deno.writeTextFileSync(path, "a".repeat(4096) + "\0");
  assert.equal(readUtf8(path, 4097).length, 4097);
  assert.throws(() => readUtf8(path, 4096), /UserError: .*over the limit of 4096 bytes/);
  Deno.writeTextFileSync(path, "a".repeat(4095) + "\0");
  assert.throws(() => readUtf8(path), /UserError: .*: it is UTF-16 or no text at all: save it as UTF-8/);
  for (const mark of [[0xff, 0xfe], [0xfe, 0xff]]) {
    write(...mark, 0x61, 0x61);
    assert.throws(() => readUtf8(path), /UserError: .*: it is UTF-16: save it as UTF-8/);
  }
  for (const mark of [[0xff, 0x61], [0x61, 0xfe], [0xfe, 0xfe]]) {
    write(...mark);
    assert.throws(() => readUtf8(path), /line 1 is not valid UTF-8/);
    assert.match(readAnyText(path), /\ufffd/);
  }
  for (
    const [line, bytes] of [[1, [0xc3]], [2, [0x0a, 0xff, 0x0a, 0xff]], [3, [
      0xc3,
      0xa9,
      0x0a,
      0x0a,
      0xe2,
      0x82,
    ]]] as const
  ) {
    write(...bytes);
    assert.throws(
      () => readUtf8(path),
      new RegExp(`x\\.txt: line ${line} is not valid UTF-8: save the file`),
    );
  }
});

Deno.test("checksumOf() is the SHA-256 of a file of any length", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x");
  for (const length of [0, 1, 4 * 2 ** 20, 4 * 2 ** 20 + 1]) {
    const bytes = new Uint8Array(length).map((_, i) => i % 251);
    Deno.writeFileSync(path, bytes);
    assert.equal(checksumOf(path), createHash("sha256").update(bytes).digest("hex"));
  }
  assert.throws(() => checksumOf(folder.path), /UserError/);
});

Deno.test("a list of checksums is read as it was written, in the order of the names", () => {
  const sums = new Map([["b/c d", "0".repeat(64)], ["a", "1".repeat(64)], ["B", "f".repeat(64)]]);
  const text = checksumList(sums);
  assert.deepEqual(text.match(/(?<= {2}).*/g), ["B", "a", "b/c d"]);
  assert.deepEqual(parseChecksumList(text, "SUMS"), new Map([...sums].toReversed().toSorted()));
  assert.deepEqual(parseChecksumList(`${"0".repeat(64)} *a\n`, "SUMS"), new Map([["a", "0".repeat(64)]]));
  assert.deepEqual(parseChecksumList("", "SUMS"), new Map());
  const good = `${"0".repeat(64)}  a\n`;
  for (
    const line of [
      `${"0".repeat(63)}  a`,
      `${"0".repeat(65)}  a`,
      `${"G".repeat(64)}  a`,
      `${"0".repeat(64)}  `,
      "",
    ]
  ) {
    assert.throws(
      () => parseChecksumList(`${good}${line}\n`, "SUMS"),
      /UserError: Cannot use SUMS: line 2 is no checksum/,
    );
  }
  assert.throws(
    () => parseChecksumList(good + good.trim(), "SUMS"),
    /UserError: Cannot use SUMS: it ends within a line/,
  );
});

Deno.test("a scratch file gives back what was written, as often as it is asked, and leaves nothing", () => {
  using folder = temporaryFolder();
  const { makeTempFileSync } = Deno;
  Deno.makeTempFileSync = () => makeTempFileSync({ dir: folder.path });
  const names = () => [...Deno.readDirSync(folder.path)].length;
  try {
    using file = new ScratchFile();
    const bytes = new Uint8Array(2 ** 20 + 7).map((_, i) => i % 253);
    file.write(bytes);
    file.write(bytes.subarray(0, 3));
    for (const _ of [1, 2]) {
      const read: number[] = [];
      const lengths: number[] = [];
      for (const part of file.read()) {
        lengths.push(part.length);
        read.push(...part.subarray(0, 3), ...part.subarray(-3));
      }
      assert.deepEqual(lengths, [2 ** 20, 10]);
      const end = (at: number) => [...bytes.subarray(at, at + 3)];
      assert.deepEqual(read, [...end(0), ...end(2 ** 20 - 3), ...end(2 ** 20), ...end(0)]);
    }
    if (Deno.build.os !== "windows") assert.equal(names(), 0);
  } finally {
    Deno.makeTempFileSync = makeTempFileSync;
  }
  assert.equal(names(), 0);
});

Deno.test("a path that leads nowhere is told the nearest name beside it, and why nothing can be written there", () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  for (const name of ["flowers.csv", "flowers.parquet", "readme"]) Deno.writeTextFileSync(at(name), "");
  assert.equal(suggestPath(at("flowres.csv")), `; did you mean ${at("flowers.csv")}?`);
  assert.equal(suggestPath(at("flowers.parqet")), `; did you mean ${at("flowers.parquet")}?`);
  assert.equal(suggestPath(at("flower.tsv")), `; did you mean ${at("flowers.csv")}?`);
  assert.equal(suggestPath(at("something-else")), "");
  assert.equal(suggestPath(join(at("nowhere"), "flowers.csv")), "");
  assert.equal(whyUnwritable(folder.path), "it is a folder");
  assert.equal(whyUnwritable(join(at("nowhere"), "x")), `there is no folder ${at("nowhere")}`);
  assert.equal(whyUnwritable(join(at("readme"), "x")), `${at("readme")} is no folder`);
  assert.equal(whyUnwritable(at("readme")), undefined);
  assert.equal(whyUnwritable(at("new")), undefined);
});

Deno.test("a model that is nearly a known one is told that, and one that is known nothing", () => {
  assert.equal(
    suggestModel("google-bert/bert-base-uncasd"),
    '; did you mean "google-bert/bert-base-uncased"?',
  );
  assert.equal(suggestModel("someone/roberta-base"), '; did you mean "FacebookAI/roberta-base"?');
  assert.equal(suggestModel("google-bert/bert-base-uncased"), "");
  assert.equal(suggestModel("someone/something"), "");
});

Deno.test("what is there is told from what is not, and from what cannot be looked at", () => {
  using folder = temporaryFolder();
  const at = (...names: string[]) => join(folder.path, ...names);
  makeFolder(at("a", "b"));
  makeFolder(at("a", "b"));
  Deno.writeTextFileSync(at("file"), '{"a": [1, null]}');
  Deno.symlinkSync(at("nowhere"), at("link"));
  assert.deepEqual(["a", "file", "link"].map((name) => exists(at(name))), [true, true, true]);
  assert.deepEqual([exists(at("none")), exists(at("file", "x"))], [false, false]);
  assert.throws(() => exists(at("x".repeat(300))), /UserError: Cannot look at /);
  assert.deepEqual(["a", "file", "link", "none"].map((name) => isFolder(at(name))), [
    true,
    false,
    false,
    false,
  ]);
  assert.throws(() => makeFolder(at("file", "x")), /UserError: Cannot make .*x: /);
  assert.deepEqual(readJson(at("file"), (_, value) => value === null ? 2 : value), { a: [1, 2] });
  remove(at("file"));
  remove(at("file"));
  assert.ok(!exists(at("file")));
  assert.throws(() => readJson(at("file")), /UserError: .*is missing/);
  Deno.writeTextFileSync(at("file"), "{");
  assert.throws(() => readJson(at("file")), /UserError: Cannot read .*file: it is not valid JSON/);
});
