import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseExperiment } from "../../src/experiments/experiment_file.ts";
import { resultsMarkdown } from "../../src/experiments/markdown.ts";
import { type PlannedRun, planRuns } from "../../src/experiments/plan_runs.ts";
import { type Outcome, resultsOf } from "../../src/experiments/results.ts";
import { comparisonCsv, tablesCsv } from "../../src/experiments/write_results.ts";
import { NEWS } from "./news.ts";

const IDS = ["a", "b", "c", "d"];

/** The accuracy of the predictions, and a little less for each modality. */
function outcome(correct: readonly number[], single?: string): Outcome {
  const share = correct.reduce((sum, one) => sum + one, 0) / correct.length;
  const accuracy: Record<string, number> = single === undefined
    ? { image: share / 2, text: share / 4, fusion: share }
    : { [single]: share };
  return {
    measured: { accuracy, macro_f1: accuracy },
    predictions: { ids: IDS, correct: Uint8Array.from(correct) },
  };
}

const RIGHT = { all: [1, 1, 1, 1], most: [1, 1, 1, 0], half: [1, 1, 0, 0], few: [1, 0, 0, 0] };

/** Which predictions are right, by how the name of a run begins; with seed 3, then with seed 1. */
const CORRECT: Record<string, [number[], number[]]> = {
  "headline-bert-aggmm": [RIGHT.half, RIGHT.half],
  "headline-bert-c-semi": [RIGHT.most, RIGHT.all],
  "image-only": [RIGHT.few, RIGHT.half],
  "headline-roberta-aggmm": [RIGHT.most, RIGHT.most],
  "headline-roberta-c-semi": [RIGHT.most, RIGHT.half],
  "caption-bert-aggmm": [RIGHT.half, RIGHT.few],
};

function outcomesOf(planned: readonly PlannedRun[]): Map<string, Outcome> {
  return new Map(planned.flatMap(({ name, seed, method }) => {
    const correct = CORRECT[name.replace(/-seed\d$/, "")]?.[seed === 3 ? 0 : 1];
    return correct === undefined ? [] : [[name, outcome(correct, method === "image" ? "image" : undefined)]];
  }));
}

function resultsFor(tables: string, failures: Record<string, string> = {}) {
  const file = parseExperiment({ ...parse(NEWS), tables: parse(tables) }, "f");
  const planned = planRuns(file, "f", { encoders: {}, settings: [] });
  return resultsOf(file, planned, outcomesOf(planned), new Map(Object.entries(failures)));
}

const tableOf = (markdown: string, title: string) =>
  markdown.split(`## ${title}\n`)[1]!.split("\n## ")[0]!.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));

Deno.test("a table has mean and std over seeds, the best in bold, and what is missing as a dash", () => {
  const markdown = resultsMarkdown(resultsFor("[{ title: T, rows: [encoder, variant], columns: [source] }]"));
  assert.deepEqual(tableOf(markdown, "T"), [
    ["encoder", "Model", "Headline", "Caption"],
    ["-------", "----------", "--------------:", "--------------:"],
    // What does not depend on the encoder stands apart, once, and is the same for all sources.
    ["", "Image-only", "37.5 ± 17.7", "**37.5 ± 17.7**"],
    // As good as the other.
    ["BERT", "AggMM", "50.0 ± 0.0", "**37.5 ± 17.7**"],
    ["BERT", "+ C_semi", "**87.5 ± 17.7**", "–"],
    ["RoBERTa", "AggMM", "**75.0 ± 0.0**", "–"],
    ["RoBERTa", "+ C_semi", "62.5 ± 17.7", "–"],
  ]);
});

Deno.test("a table in the layout of the paper's Table 3 compares by rows what stands in columns", () => {
  const tables =
    "[{ title: T, variants: [Image-only, AggMM], labels: { AggMM: Base }, rows: [source], columns: [encoder, variant] }]";
  const { tables: [table] } = resultsFor(tables);
  assert.deepEqual(table!.columns, [["", "Image-only"], ["BERT", "Base"], ["RoBERTa", "Base"]]);
  const best = table!.cells.filter(({ best }) => best).map(({ row, column }) =>
    [...row, ...column].join(" ")
  );
  // Two equals are both best, where there is anything to compare.
  assert.deepEqual(best.toSorted(), [
    "Caption  Image-only",
    "Caption BERT Base",
    "Headline BERT Base",
    "Headline RoBERTa Base",
  ]);
});

Deno.test("a table by heads and measures shows each where there is one", () => {
  const tables =
    "[{ title: T, variants: [AggMM, Image-only], rows: [source, encoder, variant], columns: [head], measures: [macro_f1, accuracy] }]";
  const [header, , image, first] = tableOf(resultsMarkdown(resultsFor(tables)), "T");
  assert.deepEqual(
    header!.slice(3),
    ["image", "text", "fusion"].flatMap((head) => [`${head}, macro F1`, `${head}, accuracy`]),
  );
  assert.deepEqual(image!.slice(0, 4), ["", "", "Image-only", "**37.5 ± 17.7**"]);
  assert.deepEqual(image!.slice(5), ["–", "–", "–", "–"]);
  assert.deepEqual(first!.slice(0, 4), ["Headline", "BERT", "AggMM", "25.0 ± 0.0"]);
});

Deno.test("runs that failed are told, the others are counted, and nothing hides that runs are missing", () => {
  const results = resultsFor("[{ title: T, rows: [source, encoder], columns: [variant] }]", {
    "caption-roberta-aggmm-seed1": "lost the device",
  });
  const statuses = Map.groupBy(results.runs, ({ status }) => status);
  assert.deepEqual([...statuses].map(([status, runs]) => [status, runs.length]), [
    ["finished", 12],
    ["open", 5],
    ["failed", 1],
  ]);
  const markdown = resultsMarkdown(results);
  assert.match(markdown, /^## Failed runs\n\n- caption-roberta-aggmm-seed1: lost the device$/m);
  assert.match(markdown, /^5 of 18 runs have not been made yet\.$/m);
  const file = parseExperiment(parse(NEWS), "f");
  const planned = planRuns(file, "f", { encoders: {}, settings: [] });
  const outcomes = outcomesOf(planned);
  outcomes.delete("headline-bert-c-semi-seed1");
  const cells = resultsOf(file, planned, outcomes, new Map()).tables[0]!.cells;
  const partial = cells.find(({ variant, levels }) => variant === "+ C_semi" && levels.encoder === "BERT")!;
  assert.deepEqual([partial.mean, partial.std, partial.runs, partial.planned], [0.75, null, 1, 2]);
});

Deno.test("every variant is compared with the baseline at the same levels, and in both CSV files numbers are shares", () => {
  const results = resultsFor("[{ title: T }]");
  assert.equal(results.baseline, "AggMM");
  const found = results.comparison.map(({ variant, levels, difference, seeds }) => [
    variant,
    Object.values(levels).join(" "),
    difference,
    seeds.join(),
  ]);
  assert.deepEqual(found, [
    ["+ C_semi", "Headline BERT", 3 / 8, "3,1"],
    ["Image-only", "Headline BERT", -1 / 8, "3,1"],
    ["+ C_semi", "Headline RoBERTa", -1 / 8, "3,1"],
    ["Image-only", "Headline RoBERTa", -3 / 8, "3,1"],
    ["Image-only", "Caption BERT", 0, "3,1"],
  ]);
  for (const { low, difference, high } of results.comparison) {
    assert.ok(low <= difference && difference <= high);
  }
  const lines = comparisonCsv(results).trim().split("\n");
  assert.equal(lines[0], "variant,source,encoder,baseline,difference,low,high,runs");
  assert.match(lines[1]!, /^\+ C_semi,Headline,BERT,AggMM,0\.375,-?[\d.]+,[\d.]+,2$/);
  const cells = tablesCsv(results).trim().split("\n");
  assert.equal(cells[0], "table,variant,source,encoder,head,measure,mean,std,runs,best");
  assert.ok(cells.includes("T,AggMM,Headline,RoBERTa,fusion,accuracy,0.75,0,2,yes"), cells.join("\n"));
  assert.ok(
    cells.some((line) => line.startsWith("T,Image-only,Caption,BERT,image,accuracy,0.375,")),
    cells.join("\n"),
  );
});

Deno.test("variants tested on other samples are not compared", () => {
  const file = parseExperiment(parse(NEWS), "f");
  const planned = planRuns(file, "f", { encoders: {}, settings: [] });
  const outcomes = outcomesOf(planned);
  for (const seed of [1, 3]) {
    const name = `headline-bert-c-semi-seed${seed}`;
    const { measured, predictions } = outcomes.get(name)!;
    outcomes.set(name, { measured, predictions: { ...predictions, ids: ["a", "b", "c", "x"] } });
  }
  const { comparison } = resultsOf(file, planned, outcomes, new Map());
  assert.deepEqual(
    comparison.filter(({ variant }) => variant === "+ C_semi").map(({ levels }) => levels.encoder),
    [
      "RoBERTa",
    ],
  );
});
