/** Labels and numbers of tables: how cells are read, what is a fault, and what is said of them. */
import assert from "node:assert/strict";
import { drawSplits, lacksOf, type SampleIndex } from "../../../src/data/index/sample_index.ts";
import { verifyIndex } from "../../../src/data/index/verify.ts";
import type { TableOptions } from "../../../src/data/readers/table_options.ts";
import { joinNames, splitNames, TARGETS } from "../../../src/data/targets.ts";
import { indexWritten, TABLE } from "./written_table.ts";

const read = (name: string, content: string, options: Partial<TableOptions>) =>
  indexWritten(name, content, { ...TABLE, modalities: { text: { text: "title" } }, ...options });

/** For each row what it is to be told, or the message of its fault. */
function outcome({ task = "classification", classes, samples, faults }: SampleIndex): string[] {
  return [
    ...samples.map((one) => [one.row, TARGETS[task].text(one, classes)] as const),
    ...faults.map((fault) => [fault.row, fault.message] as const),
  ].sort(([a], [b]) => a - b).map(([, text]) => text);
}

const LABELS = { task: "multi_label", label: "tags" } as const;
const CASES: [
  what: string,
  file: string,
  content: string,
  options: Partial<TableOptions>,
  classes: string[],
  rows: string[],
][] = [
  ["one cell", "x.csv", 'title,tags\na,"sea, sky"\nb,sky\nc,\nd,"sky,,sea,sky "\n', LABELS, ["sea", "sky"], [
    "sea|sky",
    "sky",
    "",
    "sea|sky",
  ]],
  ["another separator", "x.csv", "title,tags\na,sea; sky\nb,1\n", { ...LABELS, labelsSeparator: ";" }, [
    "1",
    "sea",
    "sky",
  ], [
    "sea|sky",
    "1",
  ]],
  [
    "lists of JSON",
    "x.jsonl",
    '{"title":"a","tags":["sea","sky"]}\n{"title":"b","tags":[]}\n{"title":"c","tags":null}\n',
    LABELS,
    [
      "sea",
      "sky",
    ],
    ["sea|sky", "", ""],
  ],
  ["named labels", "x.csv", "title,tags\na,sea\nb,lake\n", { ...LABELS, classes: ["sky", "sea"] }, [
    "sky",
    "sea",
  ], [
    "sea",
    'unknown label "lake", which "data.classes" lacks',
  ]],
  [
    "columns",
    "x.csv",
    "title,sea,sky\na,1,0\nb,true,FALSE\nc,0,1.0\nd,yes,0\ne,,1\n",
    { ...LABELS, label: ["sea", "sky"] },
    ["sea", "sky"],
    [
      "sea",
      "sea",
      "sky",
      '"sea" must be 1 or 0, got "yes"',
      '"sea" must be 1 or 0, got ""',
    ],
  ],
  [
    "numbers",
    "x.csv",
    "title,price\na,1.5\nb, -2e3 \nc,\nd,much\ne,inf\n",
    { task: "regression", label: "price" },
    ["price"],
    [
      "1.5",
      "-2000",
      '"price" must be a number, got ""',
      '"price" must be a number, got "much"',
      '"price" must be a number, got "inf"',
    ],
  ],
  [
    "decimal commas",
    "x.csv",
    'title,price\na,"1,5"\n',
    { task: "regression", label: "price", decimal: "," },
    ["price"],
    ["1.5"],
  ],
];
for (const [what, file, content, options, classes, rows] of CASES) {
  Deno.test(`targets of a table: ${what}`, async () => {
    const index = await read(file, content, options);
    assert.deepEqual([index.classes, outcome(index)], [classes, rows]);
  });
}

Deno.test("what does not go together is refused by its key", async () => {
  const refusals: [Partial<TableOptions>, RegExp][] = [
    [{ task: "regression", label: "price", classes: ["a"] }, /"data.classes" must be null/],
    [{ task: "regression", label: ["price", "title"] }, /"data.label" must be one column.*got price, title/],
    [{ task: "multi_label", label: ["price", "price"] }, /names the column "price" twice/],
    [{ task: "multi_label", label: ["price", "title"], classes: ["a"] }, /"data.classes" must be null/],
    [
      { task: "multi_label", label: ["price", "prise"] },
      /no column "prise" for "data.label": did you mean "price"/,
    ],
  ];
  for (const [options, message] of refusals) {
    await assert.rejects(() => read("x.csv", "title,price\na,1\n", options), { name: "UserError", message });
  }
});

Deno.test("verify tells labels with counts, numbers with their range, and what may be another separator", async () => {
  const content = "title,tags\na,sea;sky\nb,sea\nc,sky;sun\nd,\n";
  const found = await verifyIndex(await read("x.csv", content, { ...LABELS, labelsSeparator: ";" }), {
    compare: false,
  });
  assert.deepEqual(found.classes.map(({ name, counts }) => [name, counts.train]), [["sea", 2], ["sky", 2], [
    "sun",
    1,
  ]]);
  assert.equal(found.targets, "1.25 labels a sample on average; 1 of 4 samples have none");
  const { warnings = [] } = await read("x.csv", content, LABELS);
  assert.match(warnings.join(), /2 of 3 labels hold ";", such as "sea;sky": .*data.labels_separator=";"/);
  const numbers = await read("x.csv", "title,price\na,1\nb,2\nc,6\n", { task: "regression", label: "price" });
  const verified = await verifyIndex(numbers, { compare: false });
  assert.deepEqual([verified.classes, verified.targets], [
    [],
    "numbers from 1 to 6, their mean 3 and standard deviation 2.16025",
  ]);
  const same = await read("x.csv", "title,price\na,1\nb,1\n", { task: "regression", label: "price" });
  assert.match(lacksOf(same, same.samples).join(), /all training samples of .* have the same number, "1"/);
});

Deno.test("splits that are drawn keep the shares of rare labels", async () => {
  const tags = Array.from({ length: 80 }, (_, i) => i < 8 ? "rare;common" : "common");
  const index = await read("x.csv", `title,tags\n${tags.map((one) => `a,${one}\n`).join("")}`, {
    ...LABELS,
    labelsSeparator: ";",
    testShare: 0.25,
  });
  drawSplits(index);
  const rare = index.classes.indexOf("rare");
  assert.equal(
    index.samples.filter(({ split, target }) => split === "test" && target!.includes(rare)).length,
    2,
  );
});

Deno.test("names that are joined are split again", () => {
  for (const names of [[], ["a"], ["a", "b"], ["a|b", "c\\", "d\\|e"], ["", "x"].slice(1)]) {
    assert.deepEqual(splitNames(joinNames(names)), names);
  }
});
