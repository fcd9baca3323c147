// Parquet files of pyarrow and shards of Python's tarfile: what is in them, in any order, and what is told of broken ones.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parquetMetadataAsync } from "hyparquet";
import { ParquetBlocks } from "../../../src/data/readers/formats/parquet_blocks.ts";
import { dirname, join } from "node:path";
import { DecodePool } from "../../../src/data/workers/decode_pool.ts";
import { describeFault, type IndexedSample } from "../../../src/data/index/sample_index.ts";
import { digestSamples } from "../../../src/data/index/digests.ts";
import { verifyIndex } from "../../../src/data/index/verify.ts";
import { indexTable } from "../../../src/data/readers/table.ts";
import type { TableReading } from "../../../src/data/readers/table_format.ts";
import { openTable } from "../../../src/data/readers/table_formats.ts";
import { StoredBytes } from "../../../src/data/stored_bytes.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { temporaryFolder } from "../../io/crafted.ts";
import { TABLE } from "./written_table.ts";

const FOLDER = new URL("../../fixtures/tables", import.meta.url).pathname;
const EXPECTED: Record<string, Record<string, unknown>[]> = JSON.parse(
  Deno.readTextFileSync(join(FOLDER, "tables.json")),
);
const OPTIONS = { ...TABLE, validationShare: 0.25, testShare: 0.25 };
const READING: TableReading = { images: new Set(["picture", "image"]) };

const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A value as the fixture has it: bytes by their digest. */
async function plain(value: unknown): Promise<unknown> {
  return value instanceof StoredBytes ? { sha256: sha(await value.read()) } : value;
}

async function rowsOf(path: string, reading?: TableReading) {
  return await Array.fromAsync((await openTable(path, reading)).rows);
}

for (const [name, expected] of Object.entries(EXPECTED)) {
  Deno.test(`${name} is read as it was written, its images whenever they are wanted`, async () => {
    const rows = await rowsOf(join(FOLDER, name), READING);
    assert.deepEqual(rows.map(({ line }) => line), expected.map((_, at) => at + 1));
    // From the last to the first, and all at once.
    const found = await Promise.all(
      rows.toReversed().map(async ({ values }) =>
        Object.fromEntries(
          await Promise.all(
            Object.entries(values).map(async ([key, value]) => [key, await plain(value)] as const),
          ),
        )
      ),
    );
    assert.deepEqual(found.toReversed(), expected);
    for (const { values } of rows) {
      for (const [column, value] of Object.entries(values)) {
        if (value instanceof StoredBytes) {
          assert.equal(sha(await value.read()), sha(await value.read()), column);
        }
      }
    }
  });
}

Deno.test("a Parquet file tells of classes that it names, and passes over columns that are not used", async () => {
  const table = await openTable(join(FOLDER, "hugging_face.parquet"), { used: new Set(["label"]) });
  assert.deepEqual(table.columns, ["image", "label", "caption"]);
  assert.deepEqual(table.warnings, [
    'the numbers of "label" stand for the names of classes that the file has: cat, dog, ox',
  ]);
  const [row] = await Array.fromAsync(table.rows);
  assert.deepEqual(row!.values, { label: "cat" });
});

Deno.test("images of a row group with an index of its pages are read a few rows at a time", async () => {
  const path = join(FOLDER, "zstd.parquet");
  const whole = Deno.readFileSync(path).buffer;
  let read = 0, underWay = 0, most = 0;
  const file = {
    byteLength: whole.byteLength,
    async slice(start: number, end?: number) {
      read += (end ?? whole.byteLength) - start;
      most = Math.max(most, ++underWay);
      await new Promise((resume) => setTimeout(resume, 1));
      underWay--;
      return whole.slice(start, end);
    },
  };
  const metadata = await parquetMetadataAsync(file);
  for (const bytes of [1, 200, 500, 1 << 20]) {
    const blocks = new ParquetBlocks(path, file, metadata, ["picture"], bytes);
    read = 0;
    const last = await blocks.bytes(11);
    if (bytes < 1 << 20) assert.ok(read < 1000, `${read} bytes read for one image`);
    const found = await Promise.all(EXPECTED["zstd.parquet"]!.map((_, row) => blocks.bytes(row)));
    assert.deepEqual(
      found.map((bytes) => ({ sha256: sha(bytes) })),
      EXPECTED["zstd.parquet"]!.map((row) => row.picture),
    );
    assert.deepEqual(last, found[11]);
    assert.deepEqual(await blocks.absent(0, 12), new Map());
    read = 0;
    const block = found.flatMap((_, row) => blocks.blockOf(row) === blocks.blockOf(11) ? [row] : []);
    await Promise.all(block.map((row) => blocks.bytes(row)));
    assert.equal(read, 0, "the block that was read last is kept");
  }
  assert.equal(most, 1, "blocks that are wanted at once are read one after the other");
});

/** A folder with these files of the fixtures, under other names. */
function folderOf(files: Record<string, string | Uint8Array>) {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder.path, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    if (typeof content === "string") Deno.copyFileSync(join(FOLDER, content), path);
    else Deno.writeFileSync(path, content);
  }
  return folder;
}

const SHARDS: Record<string, string> = {
  "test-000.tar": "test-000.tar",
  "train-000.tar": "train-000.tar",
  "train-001.tar": "train-001.tar",
};

Deno.test("a folder of shards is one table, whose splits may be those of their names", async () => {
  using folder = folderOf(SHARDS);
  const options = {
    ...OPTIONS,
    file: folder.path,
    label: "cls",
    id: "__key__",
    modalities: { image: { image: "png" }, text: { text: "json.title" } },
  };
  const { samples, faults, warnings, classes } = await indexTable({ ...options, split: "split" });
  assert.deepEqual([faults, warnings, classes], [[], [], ["0", "1"]]);
  assert.deepEqual(samples.map(({ file, row, split, inputs }) => [file, row, split, inputs.text]), [
    ["test-000.tar", 1, "test", "picture 6"],
    ["test-000.tar", 2, "test", "picture 7"],
    ["test-000.tar", 3, "test", "picture 8"],
    ["train-000.tar", 1, "train", "picture 0"],
    ["train-000.tar", 2, "train", "picture 1"],
    ["train-000.tar", 3, "train", "picture 2"],
    ["train-001.tar", 1, "train", "picture 3"],
    ["train-001.tar", 2, "train", "picture 4"],
    ["train-001.tar", 3, "train", "picture 5"],
  ]);
  using pool = new DecodePool({ filter: "bilinear" }, 1);
  const { width, height, pixels } = await pool.decode(samples[3]!.inputs.image as StoredBytes);
  assert.deepEqual([width, height, ...pixels.slice(3, 6)], [6, 5, 0, 255, 90]);
  const told = (await indexTable({ ...options, split: null })).warnings!;
  assert.deepEqual(told, ["the names of its files say splits, which count with data.split=split only"]);
});

Deno.test("images within larger files have digests, are verified, and count as leaked like others", async () => {
  using folder = folderOf({ "train-a.parquet": "gzip.parquet", "test-a.parquet": "zstd.parquet" });
  const index = await indexTable({
    ...OPTIONS,
    file: folder.path,
    split: "split",
    validationShare: 0,
    modalities: { image: { image: "picture" } },
  });
  assert.equal(index.samples.length, 24);
  const digests = await digestSamples(index.samples, index.modalities, () => {});
  assert.deepEqual(digests.slice(0, 12), digests.slice(12));
  assert.equal(new Set(digests).size, 12);
  const { faults, warnings } = await verifyIndex(index, { compare: false, workers: 1 });
  assert.equal(faults.length, 12);
  assert.equal(
    describeFault(faults[0]!),
    "train-a.parquet, row 1: its image is also in the test split: test-a.parquet, row 1",
  );
  assert.match(warnings.at(-1)!, /^12 of 12 test samples \(100 %\) share the image "image" \(12\)/);
});

Deno.test("a row without an image or a label is a fault of its own, by file and row", async () => {
  using folder = folderOf({ "x.parquet": "hugging_face.parquet" });
  const { samples, faults } = await indexTable({
    ...OPTIONS,
    file: join(folder.path, "x.parquet"),
    modalities: { image: { image: "image" }, text: { text: "caption" } },
  });
  assert.equal(samples.length, 9);
  assert.deepEqual(faults.map((fault) => describeFault(fault).replace(folder.path, "")), [
    "x.parquet, row 5: cannot use the image: no path is given; data.missing=learned trains with samples that lack a modality",
    "x.parquet, row 8: cannot use the image: /images/7.png is missing",
    "x.parquet, row 10: has no label",
  ]);
  // Beside the file, the image of the path is found.
  Deno.mkdirSync(join(folder.path, "images"));
  Deno.writeFileSync(
    join(folder.path, "images/7.png"),
    await (samples[0]!.inputs.image as StoredBytes).read(),
  );
  const again = await indexTable({
    ...OPTIONS,
    file: join(folder.path, "x.parquet"),
    modalities: { image: { image: "image" } },
  });
  const row8 = again.samples.find(({ row }) => row === 8) as IndexedSample;
  assert.equal(row8.inputs.image, join(folder.path, "images/7.png"));
});

const bytesOf = (name: string) => Deno.readFileSync(join(FOLDER, name));

/** A shard whose first header has such a text in the place of the size of its member. */
function tarOfSize(size: string): Uint8Array {
  const shard = bytesOf("train-000.tar");
  const header = shard.subarray(0, 512);
  header.set(new TextEncoder().encode(size.padEnd(12, "\0")), 124);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0")), 148);
  return shard;
}

Deno.test("a broken Parquet file or shard is told by one line", async () => {
  const cut = bytesOf("none.parquet");
  const broken = bytesOf("zstd.parquet");
  broken.fill(0, 4, 60);
  const cases: [name: string, content: Uint8Array, message: RegExp][] = [
    ["x.parquet", cut.slice(0, 2000), /Cannot read .*x\.parquet: it is no Parquet file, or is cut off/],
    ["x.parquet", new TextEncoder().encode("title,label\n"), /it is no Parquet file, or is cut off/],
    ["x.parquet", new Uint8Array(), /it is no Parquet file, or is cut off/],
    ["x.parquet", broken, /Cannot read "picture" of .*x\.parquet, rows 1 to \d+: /],
    [
      "x.tar",
      new TextEncoder().encode("a".repeat(1000)),
      /Cannot read .*x\.tar: it is no tar archive from byte 0 on/,
    ],
    ["x.tar", bytesOf("train-000.tar").slice(0, 590), /x\.tar: it is cut off within "000000\.png"/],
    // By which the next member would be the same, for ever.
    ["x.tar", tarOfSize("-0000001000"), /x\.tar: it says of "000000\.png" that it is of -512 bytes/],
    ["x.tar", tarOfSize("none"), /x\.tar: it says of "000000\.png" that it is of NaN bytes/],
  ];
  for (const [name, content, message] of cases) {
    using folder = folderOf({ [name]: content });
    const read = async () => {
      for (const { values } of await rowsOf(join(folder.path, name), READING)) {
        for (const value of Object.values(values)) await plain(value);
      }
    };
    await assert.rejects(read, (error) => {
      assert.ok(
        error instanceof UserError && message.test(error.message) && !error.message.includes("\n"),
        String(error),
      );
      return true;
    }, `${name}, for ${message}`);
  }
});

Deno.test("a shard that is cut off later, or has a text that is none, costs the sample alone", async () => {
  const whole = bytesOf("train-000.tar");
  const at = (text: string) => new TextDecoder("latin1").decode(whole).indexOf(text);
  const edited = whole.slice();
  edited[at("a caption, 1")] = 0xff;
  edited[at('{"title": "picture 2"')] = 0x5b;
  for (
    const [content, faults] of [
      [whole.slice(0, at("a caption, 1") + 4), [
        undefined,
        'cannot be read: the archive is cut off within "000001.TXT"',
      ]],
      // Between two samples, without the blocks of zeros at its end.
      [whole.slice(0, at("000001.png")), ["cannot be read: the archive is cut off: it has no end"]],
      [edited, [
        undefined,
        'has a "000001.TXT" that is not valid UTF-8',
        /^has a "000002\.json" that is not valid JSON/,
      ]],
    ] as const
  ) {
    using folder = folderOf({ "x.tar": content });
    const rows = await rowsOf(join(folder.path, "x.tar"));
    assert.equal(rows.length, faults.length);
    for (const [i, { fault }] of rows.entries()) {
      if (faults[i] instanceof RegExp) assert.match(fault!, faults[i]);
      else assert.equal(fault, faults[i]);
    }
  }
});

Deno.test("a folder of tables of several formats, or of none, is refused", async () => {
  for (
    const [files, message] of [
      [{ "a.csv": new Uint8Array(), "b.tar": "train-000.tar" }, /several formats \(csv, tar\): name one/],
      [
        { "a.txt": new Uint8Array(), ".b.csv": new Uint8Array() },
        /must be a \.csv, .* or \.tar file, or a folder of them/,
      ],
    ] as const
  ) {
    using folder = folderOf(files as Record<string, string | Uint8Array>);
    await assert.rejects(
      openTable(folder.path),
      (error) => error instanceof UserError && message.test(error.message),
    );
  }
});
