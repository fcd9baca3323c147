// Tables as people write them: names with blanks around them, other delimiters, faulty rows, nothing in them at all.
import assert from "node:assert/strict";
import type { TableOptions } from "../../../src/data/readers/table_options.ts";
import { describeFault, lacksOf, type SampleIndex } from "../../../src/data/index/sample_index.ts";
import { classWarnings } from "../../../src/data/index/names.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { indexWritten, TABLE } from "./written_table.ts";

const OPTIONS = { ...TABLE, modalities: { text: { text: "title" } } };
const read = (name: string, content: string | Uint8Array, options: Partial<TableOptions> = {}) =>
  indexWritten(name, content, { ...OPTIONS, ...options });
const csv = (content: string, options?: Partial<TableOptions>) => read("x.csv", content, options);

/** For each row its class, or the message of its fault. */
function outcome({ classes, samples, faults }: SampleIndex): string[] {
  return [
    ...samples.map(({ row, label }) => [row, classes[label]!] as const),
    ...faults.map((fault) => [fault.row, fault.message] as const),
  ].sort(([a], [b]) => a - b).map(([, text]) => text);
}

const LABELS: [what: string, labels: string[], classes: string[], outcome: string[]][] = [
  ["blanks around", ["cat", "cat ", " cat", "\tcat", "dog"], ["cat", "dog"], [
    "cat",
    "cat",
    "cat",
    "cat",
    "dog",
  ]],
  [
    "blanks of Unicode and characters without width",
    ["cat\u00a0", "\u3000cat", "cat\u0085", "\ufeffcat", "cat\u200b", "cat\u200e", "cat"],
    ["cat"],
    Array(7).fill("cat"),
  ],
  ["composed and decomposed accents", ["café", "cafe\u0301"], ["café"], ["café", "café"]],
  [
    "nothing but blanks",
    ["cat", "", " ", '"  "', "\u00a0", '""'],
    ["cat"],
    ["cat", ...Array(5).fill("has no label")],
  ],
  ["blanks within, which count", ["ice cream", "icecream"], ["ice cream", "icecream"], [
    "ice cream",
    "icecream",
  ]],
  ["case, which counts", ["Cat", "cat"], ["Cat", "cat"], ["Cat", "cat"]],
];
for (const [what, labels, classes, rows] of LABELS) {
  Deno.test(`labels of a CSV file: ${what}`, async () => {
    const index = await csv(`title,label\n${labels.map((label) => `a,${label}\n`).join("")}`);
    assert.deepEqual(index.classes, classes);
    assert.deepEqual(outcome(index), rows);
  });
  Deno.test(`labels of a JSONL file: ${what}`, async () => {
    const lines = labels.map((label) =>
      JSON.stringify({ title: "a", label: label.replaceAll('"', "") }) + "\n"
    );
    const index = await read("x.jsonl", lines.join(""));
    assert.deepEqual(index.classes, classes);
    assert.deepEqual(outcome(index), rows);
  });
}

Deno.test("labels of a JSONL file may be numbers, truth values or missing", async () => {
  const labels = ["1", 1, 1.0, true, "true", null, undefined, ["a"], { a: 1 }];
  const index = await read(
    "x.jsonl",
    labels.map((label) => JSON.stringify({ title: "a", label }) + "\n").join(""),
  );
  assert.deepEqual(outcome(index), [
    "1",
    "1",
    "1",
    "true",
    "true",
    "has no label",
    'has no "label"',
    'holds ["a"] in "label", where a class should be: lists are for data.task=multi_label',
    'holds {"a":1} where a text should be',
  ]);
});

const WARNINGS: [labels: string[], warnings: RegExp[]][] = [
  [["cat", "dog", "ox"], []],
  [["Cat", "cat", "dog", "DOG"], [
    /"Cat" \(2 samples\) and "cat" \(2 samples\) differ only in case/,
    /"DOG" .* and "dog" .* differ/,
  ]],
  [["ice cream", "ice  cream", "ice\u00a0cream"], [/"ice {2}cream" .*"ice cream" .*"ice\u00a0cream"/]],
  [["1", "1.0", "2"], [/"1" .*"1\.0" .*differ only in .*how a number is written/]],
  [["ﬁsh", "fish"], [/"fish" .*"ﬁsh"/]],
  [["a", "nan"], [/class "nan" \(2 samples\) may be a label that is missing/]],
  [["a", "None", "N/A"], [/"N\/A" .*may be/, /"None" .*may be/]],
];
const countedClasses = ({ classes, samples }: SampleIndex) =>
  classes.map((name, label) => ({ name, samples: samples.filter((one) => one.label === label).length }));
for (const [labels, warnings] of WARNINGS) {
  Deno.test(`the classes ${labels.join(", ")} are told to be alike, or not`, async () => {
    const index = await csv(`title,label\n${[...labels, ...labels].map((label) => `a,${label}\n`).join("")}`);
    const found = classWarnings(countedClasses(index));
    assert.equal(found.length, warnings.length, found.join("\n"));
    warnings.forEach((warning, at) => assert.match(found[at]!, warning));
  });
}

Deno.test("classes of a single sample are told with their number", async () => {
  const index = await csv(`title,label\n${["a", "b", "b", "c"].map((label) => `t,${label}\n`).join("")}`);
  assert.deepEqual(classWarnings(countedClasses(index)), ['2 of 3 classes have one sample alone: "a", "c"']);
});

Deno.test("whole numbers as classes are in the order of numbers, all others in that of letters", async () => {
  const classesOf = async (labels: string[]) =>
    (await csv(`title,label\n${labels.map((label) => `a,${label}\n`).join("")}`)).classes;
  assert.deepEqual(await classesOf(["10", "9", "-1", "2", "100"]), ["-1", "2", "9", "10", "100"]);
  assert.deepEqual(await classesOf(["10", "9", "x"]), ["10", "9", "x"]);
  assert.deepEqual(await classesOf(["10", "9", "1.5"]), ["1.5", "10", "9"]);
});

Deno.test("names of columns, classes, splits and samples count without the blanks around them", async () => {
  const head = "\ufeff title ,label\u00a0, \u201ctags\u201d,split , id";
  const rows = ["a,cat ,, Train,1", "a, dog,,VAL ,2 ", "a,café,,test\u00a0, 2"];
  const named = { split: " split", id: "id ", label: "label ", classes: ["cat", " dog", "cafe\u0301 "] };
  for (
    const index of [
      await csv([head, ...rows].join("\n"), { ...named, modalities: { text: { text: "title " } } }),
      await read(
        "x.jsonl",
        rows.map((row) => row.split(",")).map(([title, label, , split, id]) =>
          JSON.stringify({ " title ": title, "label\u00a0": label, "split ": split, " id": id }) + "\n"
        ).join(""),
        named,
      ),
    ]
  ) {
    assert.deepEqual(index.faults, []);
    assert.deepEqual(index.classes, ["cat", "dog", "café"]);
    assert.deepEqual(
      index.samples.map(({ id, label, split }) => [id, label, split]),
      [["1", 0, "train"], ["2", 1, "validation"], ["2", 2, "test"]],
    );
  }
});

const GOOD = "title,label\na,x\nb,y\n";
const READ_ALIKE: [what: string, name: string, content: string, warning?: RegExp][] = [
  ["commas", "x.csv", GOOD],
  ["Windows", "X.CSV", GOOD.replaceAll("\n", "\r\n")],
  ["semicolons", "x.csv", GOOD.replaceAll(",", ";"), /parted by ";"/],
  ["tabs in a .csv", "x.csv", GOOD.replaceAll(",", "\t"), /parted by tabs/],
  ["tabs", "x.tsv", GOOD.replaceAll(",", "\t")],
  ["an index column without a name", "x.csv", ",title,label\n0,a,x\n1,b,y\n"],
  ["two such columns", "x.csv", "title,label,,\na,x,,\nb,y,,\n"],
  ["a column of its own line break", "x.csv", '"title","label","a\nb"\na,x,\nb,y,\n'],
  ["other keys in each line", "x.jsonl", '{"title":"a","label":"x","more":1}\n\n{"label":"y","title":"b"}'],
];
for (const [what, name, content, warning] of READ_ALIKE) {
  Deno.test(`a table is read with ${what}`, async () => {
    const index = await read(name, content);
    assert.deepEqual(outcome(index), ["x", "y"]);
    assert.deepEqual(index.samples.map(({ inputs }) => inputs.text), ["a", "b"]);
    assert.equal(index.warnings!.length, warning === undefined ? 0 : 1);
    if (warning !== undefined) assert.match(index.warnings![0]!, warning);
  });
}

Deno.test("a column says what samples count, and must be a number above 0", async () => {
  const content = "title,label,w\n" +
    ["2", " 0.5 ", "1e-3", "0", "-1", "", "much"].map((w) => `a,x,${w}\n`).join("");
  const { samples, faults } = await csv(content, { weight: " w" });
  assert.deepEqual(samples.map(({ weight }) => weight), [2, 0.5, 1e-3]);
  assert.deepEqual(
    faults.map(describeFault),
    [
      [5, "0"],
      [6, "-1"],
      [7, ""],
      [8, "much"],
    ].map(([row, given]) => `x.csv, row ${row}: "w" must be a number above 0, got "${given}"`),
  );
  assert.ok((await csv(content)).samples.every(({ weight }) => weight === undefined));
});

Deno.test("a quote that is left open costs its own row alone", async () => {
  const lines = Array.from({ length: 500 }, (_, i) => `text ${i},${i % 2}`);
  const index = await csv(["title,label", ...lines.with(1, '"text 1,1').with(2, 'a 12" pizza,0')].join("\n"));
  assert.deepEqual(index.faults.map(describeFault), [
    "x.csv, row 3: has a quote, opened on line 3, that closes on a later line in the middle of a cell",
  ]);
  assert.equal(index.samples.length, 499);
  assert.equal(index.samples[1]!.inputs.text, 'a 12" pizza');
});

const EMPTY: [what: string, name: string, content: string][] = [
  ["an empty file", "x.csv", ""],
  ["a byte order mark", "x.csv", "\ufeff"],
  ["empty lines", "x.csv", "\n\r\n\n"],
  ["a header alone", "x.csv", "title,label\n"],
  ["a header alone, of tabs", "x.tsv", "title\tlabel"],
  ["no lines", "x.jsonl", ""],
  ["empty lines of JSON", "x.jsonl", "\n \n"],
];
for (const [what, name, content] of EMPTY) {
  Deno.test(`a table of ${what} has no samples, and says so`, async () => {
    const index = await read(name, content, { testShare: 0.2, validationShare: 0.2 });
    assert.deepEqual([index.faults, index.classes], [[], []]);
    const lacks = lacksOf(index, index.samples);
    assert.equal(lacks.length, 1);
    assert.match(lacks[0]!, new RegExp(`${name} has no samples$`));
  });
}

Deno.test("what a table lacks altogether is told once, not with every row", async () => {
  const rows = (splits: string[], labels: string[]) =>
    "title,label,split\n" + splits.map((split, i) => `a,${labels[i % labels.length]},${split}\n`).join("");
  const lacks = async (...of: Parameters<typeof rows>) => {
    const index = await csv(rows(...of), { split: "split" });
    return [
      index.faults.map(describeFault),
      lacksOf(index, index.samples).map((one) => one.replace(/^.*x\.csv /, "")),
    ];
  };
  const all = ["train", "validation", "test"];
  assert.deepEqual(await lacks([...all, ...all], ["x", "y"]), [[], []]);
  assert.deepEqual(await lacks(["test", "test"], ["x", "y"]), [[], [
    "has no samples in its train split",
    "has no samples in its validation split",
  ]]);
  assert.deepEqual(await lacks(all, ["x"]), [[], ['has one class alone, "x": there is nothing to learn']]);
  assert.deepEqual(await lacks(["train", "validation", "train", "test"], ["x", "x", "y", "z"]), [
    ['x.csv, row 5: unknown label "z", which no training sample has'],
    ["has no samples in its test split"],
  ]);
});

const REFUSED: [what: string, name: string, content: string, options: Partial<TableOptions>, RegExp][] = [
  [
    "a misspelt column",
    "x.csv",
    "titel,label\na,x\n",
    {},
    /no column "title" .*did you mean "titel"\? it has titel, label/,
  ],
  ["a column of another case", "x.csv", "Title,label\na,x\n", {}, /did you mean "Title"\?/],
  [
    "many columns",
    "x.csv",
    Array.from({ length: 30 }, (_, i) => `c${i}`).join() + "\n",
    {},
    /it has c0, .*c19 and 10 more$/,
  ],
  [
    "two columns of a name",
    "x.csv",
    "title,label, label\na,x,y\n",
    {},
    /two columns "label": "data\.label" may mean either/,
  ],
  [
    "a quote left open in the header",
    "x.csv",
    '"title,label\na,x\n',
    {},
    /header of .*x\.csv has a quote, opened on line 1/,
  ],
  ["an ending that is not known", "x.xlsx", "", {}, /x\.xlsx must be a \.csv, \.tsv, .* or \.tar file/],
  [
    "lines that are no objects",
    "x.jsonl",
    '[\n{"title": "a",\n"label": "x"}]',
    {},
    /No line of .*x\.jsonl is a JSON object: line 1/,
  ],
  ["a class that is named twice", "x.csv", GOOD, { classes: ["x", "x "] }, /"data\.classes" holds "x" twice/],
  [
    "a class without a name",
    "x.csv",
    GOOD,
    { classes: ["x", " "] },
    /"data\.classes" holds a name of blanks alone/,
  ],
];
for (const [what, name, content, options, message] of REFUSED) {
  Deno.test(`a table is refused for ${what}`, async () => {
    await assert.rejects(
      read(name, content, options),
      (error) => error instanceof UserError && message.test(error.message) || assert.fail(String(error)),
    );
  });
}

const FAULTS: [what: string, content: string, options: Partial<TableOptions>, fault: string][] = [
  ["an id of blanks", "title,label,id\na,x, \n", { id: "id" }, 'x.csv, row 2: has no id in "id"'],
  ["too many cells", "title,label\na,b,x\n", {}, "x.csv, row 2: has 3 cells, the header has 2"],
  [
    "a label that is no class",
    "title,label\na,x\n",
    { classes: ["y"] },
    'x.csv, row 2: unknown label "x", which "data.classes" lacks',
  ],
  [
    "a fraction with a comma",
    'n,label\n"1,5",x\n',
    { modalities: { numbers: { features: ["n"] } } },
    'x.csv, row 2: number 1 is "1,5": fractions take a point, unless data.decimal is a comma',
  ],
];
for (const [what, content, options, fault] of FAULTS) {
  Deno.test(`a row is a fault for ${what}`, async () => {
    const { faults, samples } = await csv(content, options);
    assert.deepEqual([faults.map(describeFault), samples], [[fault], []]);
  });
}
