// Tables as they come, good, odd and broken: each is read as the same rows, or told by one line with file, row and cure.
import assert from "node:assert/strict";
import { join } from "node:path";
import { drawSplits, soundSamples } from "../../../src/data/index/sample_index.ts";
import { indexTable } from "../../../src/data/readers/table.ts";
import type { TableOptions } from "../../../src/data/readers/table_options.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { temporaryFolder } from "../../io/crafted.ts";
import { TABLE } from "./written_table.ts";

const OPTIONS = {
  ...TABLE,
  modalities: { text: { text: "title" }, lab: { features: ["age"] } },
  split: "split",
  validationShare: 0.2,
  testShare: 0.2,
};

/** What every good table says. */
const ROWS = [
  ["a red circle", "10", "1.5", "train"],
  ['a 12" pizza', "9", "-2", "train"],
  ["é, ; | and so on", "10", "0.25", "validation"],
  ["two\nlines", "9", "30", "test"],
] as const;
const HEADER = ["title", "label", "age", "split"];

/** The table with these cells, all of its texts quoted. */
function csv(
  {
    delimiter = ",",
    end = "\n",
    header = HEADER,
    rows = ROWS as readonly (readonly string[])[],
    quote = true,
  } = {},
): string {
  const cell = (text: string) =>
    quote || /["\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
  return [header, ...rows].map((cells) => cells.map(cell).join(delimiter) + end).join("");
}

const jsonl = ROWS.map(([title, label, age, split]) =>
  JSON.stringify({ title, label: Number(label), age: Number(age), split }) + "\n"
).join("");

function wide(text: string, littleEndian: boolean): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(2 * text.length));
  for (let i = 0; i < text.length; i++) bytes.setUint16(2 * i, text.charCodeAt(i), littleEndian);
  return new Uint8Array(bytes.buffer);
}

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const mapped = (at: number, change: (text: string) => string) =>
  ROWS.map((row) => row.map((cell, i) => i === at ? change(cell) : cell));
/** The table with something else in a line, counted from the header's. */
const edited = (line: number, cells: string) => csv().split(/\n(?=")/).with(line - 1, cells).join("\n");
const comma = { numbers: { decimal: ",", allowsMissing: false } } as const;
const THREE = ROWS.map((row) => row.slice(0, 3));
const decimals = mapped(2, (age) => age.replace(".", ","));

type Input = string | Uint8Array | Record<string, string>;
const ALIKE: [what: string, name: string, content: Input, options?: Partial<TableOptions>][] = [
  ["quoted cells", "x.csv", csv()],
  ["cells quoted where they must be", "x.csv", csv({ quote: false })],
  ["an upper-case ending", "X.CSV", csv()],
  ["the line ends of Windows", "x.csv", csv({ end: "\r\n" })],
  ["those of old Macs", "x.csv", csv({ end: "\r" })],
  ["no end of the last line", "x.csv", csv().trimEnd()],
  ["empty lines", "x.csv", "\n" + csv({ end: "\n\n\n" })],
  ["a byte order mark", "x.csv", "\ufeff" + csv()],
  ["semicolons", "x.csv", csv({ delimiter: ";" })],
  ["tabs", "x.csv", csv({ delimiter: "\t" })],
  ["bars", "x.csv", csv({ delimiter: "|" })],
  ["tabs, by the ending", "x.tsv", csv({ delimiter: "\t" })],
  ["another delimiter, which is said", "x.csv", csv({ delimiter: "^" }), { reading: { delimiter: "^" } }],
  ["semicolons and decimal commas", "x.csv", csv({ delimiter: ";", rows: decimals }), comma],
  ["decimal commas in quotes", "x.csv", csv({ rows: decimals }), comma],
  ["Latin-1, which is said", "x.csv", latin1(csv()), { reading: { encoding: "latin1" } }],
  ["UTF-16 of Excel", "x.csv", wide("\ufeff" + csv({ delimiter: "\t" }), true), {
    reading: { encoding: "utf-16" },
  }],
  ["UTF-16 of the other order", "x.csv", wide("\ufeff" + csv(), false), { reading: { encoding: "utf-16" } }],
  ["blanks around names of columns", "x.csv", csv({ header: [" title", "label ", "\u00a0age", "split\t"] })],
  [
    "blanks around labels, splits and numbers",
    "x.csv",
    csv({ rows: ROWS.map(([a, ...rest]) => [a, ...rest.map((cell) => ` ${cell} `)]) }),
  ],
  [
    "splits by other names",
    "x.csv",
    csv({ rows: mapped(3, (split) => split.replace("validation", "Dev").toUpperCase()) }),
  ],
  [
    "columns in another order",
    "x.csv",
    csv({ header: HEADER.toReversed(), rows: ROWS.map((row) => row.toReversed()) }),
  ],
  [
    "an index without a name",
    "x.csv",
    csv({ header: ["", ...HEADER], rows: ROWS.map((row, i) => [String(i), ...row]) }),
  ],
  [
    "columns that stand twice, unused",
    "x.csv",
    csv({ header: [...HEADER, "more", "more"], rows: ROWS.map((row) => [...row, "1", "2"]) }),
  ],
  ["a quote within a cell", "x.csv", csv({ quote: false }).replace('"a 12"" pizza"', 'a 12" pizza')],
  ["objects of JSON", "x.jsonl", jsonl],
  ["objects with more keys, in any order", "x.ndjson", jsonl.replaceAll('"split":', '"more": [1], "split":')],
  ["JSON with empty lines and a mark", "x.jsonl", "\ufeff\n" + jsonl.replaceAll("\n", "\r\n\r\n")],
  ["a folder of several files", "x", {
    "b.csv": csv({ rows: ROWS.slice(2) }),
    "a.csv": csv({ rows: ROWS.slice(0, 2) }),
  }],
  ["a folder whose files are splits", "x", {
    "train-0.csv": csv({ header: HEADER.slice(0, 3), rows: THREE.slice(0, 2) }),
    "valid.csv": csv({ header: HEADER.slice(0, 3), rows: THREE.slice(2, 3) }),
    "zz.txt": "not a table",
    "test_1.csv": csv({ header: HEADER.slice(0, 3), rows: THREE.slice(3) }),
  }],
];

async function read(name: string, content: Input, options: Partial<TableOptions> = {}) {
  using folder = temporaryFolder();
  const file = join(folder.path, name);
  const write = (path: string, content: string | Uint8Array) =>
    Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
  if (typeof content === "string" || content instanceof Uint8Array) write(file, content);
  else {
    Deno.mkdirSync(file);
    for (const [part, text] of Object.entries(content)) write(join(file, part), text);
  }
  const index = await indexTable({ ...OPTIONS, ...options, file });
  drawSplits(index);
  const samples = soundSamples(index, new Set());
  return samples.map(({ label, split, inputs }) => [
    (inputs.text as string).replaceAll(/\r\n?/g, "\n"),
    index.classes[label],
    String((inputs.lab as Float32Array)[0]),
    split,
  ]);
}

for (const [what, name, content, options] of ALIKE) {
  Deno.test(`a table is read alike with ${what}`, async () => {
    const rows = await read(name, content, options);
    const order = (some: readonly (readonly unknown[])[]) => some.map((row) => row.join("\0")).toSorted();
    assert.deepEqual(order(rows), order(ROWS));
  });
}

const TOLD: [what: string, name: string, content: Input, line: RegExp, options?: Partial<TableOptions>][] = [
  [
    "Latin-1",
    "x.csv",
    latin1(csv()),
    /x\.csv: line 4 is not valid UTF-8: save the file as UTF-8, or name its encoding, such as data\.encoding=latin1 \(of predict --encoding latin1\)$/,
  ],
  [
    "UTF-16",
    "x.csv",
    wide("\ufeff" + csv(), true),
    /x\.csv: it is UTF-16, not utf-8: name its encoding \(data\.encoding=utf-16, of predict --encoding utf-16\)/,
  ],
  [
    "UTF-16 without a mark",
    "x.csv",
    wide(csv(), true),
    /x\.csv: it is UTF-16 or no text at all: .*data\.encoding=utf-16/,
  ],
  ["UTF-8 that is said to be Latin-1", "x.csv", "\ufeff" + csv(), /x\.csv: it is UTF-8, not latin1/, {
    reading: { encoding: "latin1" },
  }],
  [
    "an open quote",
    "x.csv",
    edited(3, '"a 12,9,-2,train'),
    /x\.csv, row 3: has a quote, opened on line 3, that closes on a later line/,
  ],
  [
    "a quote that is never closed",
    "x.csv",
    csv({ quote: false }).replace("a red circle", '"a red circle').replaceAll(/"(?!a red)/g, ""),
    /x\.csv, row 2: has a quote, opened on line 2, that is never closed/,
  ],
  [
    "an open quote in the header",
    "x.csv",
    csv().replace('"title"', '"title'),
    /x\.csv has no column "title" for the modality "text"/,
  ],
  ["too few cells", "x.csv", edited(2, '"a","10"'), /x\.csv, row 2: has 2 cells, the header has 4/],
  [
    "too many cells",
    "x.csv",
    edited(2, "a, red circle,10,1.5,train"),
    /x\.csv, row 2: has 5 cells, the header has 4/,
  ],
  [
    "a column that lacks",
    "x.csv",
    csv({ header: ["titel", ...HEADER.slice(1)] }),
    /x\.csv has no column "title" for the modality "text": did you mean "titel"\?/,
  ],
  [
    "a used column that stands twice",
    "x.csv",
    csv({ header: ["title", "label", "age", "label"] }),
    /x\.csv has two columns "label": "data\.label" may mean either/,
  ],
  [
    "a label that lacks",
    "x.csv",
    csv({ rows: mapped(1, (label) => label === "9" ? " " : label) }),
    /x\.csv, row 3: has no label/,
  ],
  [
    "a label that training has not",
    "x.csv",
    csv({ rows: [...ROWS.slice(0, 3), ["t", "8", "1", "test"]] }),
    /x\.csv, row 5: unknown label "8", which no training sample has/,
  ],
  [
    "one class alone",
    "x.csv",
    csv({ rows: mapped(1, () => "9") }),
    /x\.csv has one class alone, "9": there is nothing to learn/,
  ],
  ["no rows", "x.csv", csv({ rows: [] }), /x\.csv has no samples$/],
  ["nothing at all", "x.csv", "", /x\.csv has no samples$/],
  [
    "a split that is none",
    "x.csv",
    csv({ rows: mapped(3, (split) => split.replace("test", "holdout")) }),
    /x\.csv, row 5: "split" must be train, validation or test, got "holdout"/,
  ],
  [
    "a column of splits that holds none, which leaves no class known",
    "x.csv",
    csv({ rows: mapped(3, () => "red") }),
    /x\.csv, row 2: "split" must be train, validation or test, got "red"/,
  ],
  [
    "no test samples in given splits",
    "x.csv",
    csv({ rows: mapped(3, () => "train") }),
    /x\.csv has no samples in its test split/,
    {
      testShare: 0,
    },
  ],
  [
    "a fraction with a comma",
    "x.csv",
    csv({ rows: decimals }),
    /x\.csv, row 2: number 1 is "1,5": fractions take a point, unless data\.decimal is a comma/,
  ],
  [
    "a fraction with a point where commas are said",
    "x.csv",
    csv(),
    /x\.csv, row 2: number 1 is "1\.5": fractions take a comma, as data\.decimal says/,
    comma,
  ],
  [
    "thousands with points",
    "x.csv",
    csv({ rows: mapped(2, () => "1.234,5") }),
    /row 2: number 1 is "1\.234,5": fractions take a comma/,
    comma,
  ],
  [
    "a number that is missing",
    "x.csv",
    csv({ rows: mapped(2, (age) => age === "-2" ? "NA" : age) }),
    /x\.csv, row 3: number 1 is "NA": data\.missing_numbers=mean fills such cells in/,
  ],
  [
    "a number that is none",
    "x.csv",
    csv({ rows: mapped(2, (age) => age === "-2" ? "old" : age) }),
    /x\.csv, row 3: number 1 is "old"/,
  ],
  [
    "a number that is infinite",
    "x.csv",
    csv({ rows: mapped(2, (age) => age === "-2" ? "1e999" : age) }),
    /x\.csv, row 3: number 1 is "1e999"/,
  ],
  ["a line of JSON that is cut off", "x.jsonl", jsonl.slice(0, -9), /x\.jsonl, row 4: .*not valid JSON/],
  [
    "a key that stands twice",
    "x.jsonl",
    jsonl.replace('"title"', '"label":1,"title"'),
    /x\.jsonl, row 1: .*duplicate/,
  ],
  ["an array of JSON", "x.jsonl", `[\n${jsonl.trim().replaceAll("\n", ",\n")}\n]`, /x\.jsonl, row 1: .*/],
  [
    "a list where a text should be",
    "x.jsonl",
    jsonl.replace('"a red circle"', '["a"]'),
    /x\.jsonl, row 1: holds \["a"\] where a text should be/,
  ],
  [
    "a key that lacks",
    "x.jsonl",
    jsonl.replace('"title":"a red circle",', ""),
    /x\.jsonl, row 1: has no "title"/,
  ],
  ["a workbook", "x.xlsx", csv(), /x\.xlsx must be a \.csv, \.tsv, .* or \.tar file, or a folder of them/],
  [
    "a text that is called Parquet",
    "x.parquet",
    csv(),
    /Cannot read .*x\.parquet: it is no Parquet file, or is cut off/,
  ],
  [
    "a text that is called a shard",
    "x.tar",
    csv().padEnd(600),
    /Cannot read .*x\.tar: it is no tar archive from byte 0 on/,
  ],
  [
    "a folder of several formats",
    "x",
    { "a.csv": csv(), "b.jsonl": jsonl },
    /x holds tables of several formats \(csv, jsonl\): name one of its files/,
  ],
  ["a group that lacks", "x.csv", csv(), /x\.csv has no column "patient" for "data\.group"/, {
    group: "patient",
  }],
];
for (const [what, name, content, line, options] of TOLD) {
  Deno.test(`a table is told by one line to have ${what}`, async () => {
    await assert.rejects(read(name, content, options), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, line);
      assert.ok(!error.message.includes("\n"), "one line");
      return true;
    });
  });
}
