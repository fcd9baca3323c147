/** Labels, texts and names that mean something where they are shown: in a page, on a terminal, in a spreadsheet. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseHTML } from "linkedom";
import { answerWriter } from "../../src/app/predict/writers.ts";
import { harmlessCell, parseCsv, withoutHarm } from "../../src/io/csv.ts";
import { Output } from "../../src/report/output.ts";
import { reportPage } from "../../src/report/html/page.ts";
import { reportRun, viewRun } from "../../src/report/html/run_report.ts";
import { SampleStore } from "../../src/report/html/samples.ts";
import { PAGE_POLICY, servePage } from "../../src/app/serve/page.ts";
import { data, exampleRun, inFolder } from "../report/example.ts";
import { watched } from "../train/tiny.ts";

const HTML = [
  "</script><script>alert(1)</script>",
  `"><img src=x onerror="alert(1)">`,
  "<svg/onload=alert(1)>{{7*7}}<!-- ]]>",
];
const [SCRIPT, IMAGE, SVG] = HTML as [string, string, string];

interface Tag {
  readonly tagName: string;
  readonly textContent: string;
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>;
  getAttribute(name: string): string | null;
}

/** The elements of a page; fails where one of them could run something that the page's policy does not name. */
function harmless(page: string, policy?: string): readonly Tag[] {
  const { document } = parseHTML(page) as unknown as {
    readonly document: { querySelectorAll(selector: string): Iterable<Tag> };
  };
  const tags = [...document.querySelectorAll("*")];
  const said = policy ??
    tags.find((tag) => tag.getAttribute("http-equiv") === "Content-Security-Policy")!.getAttribute(
      "content",
    )!;
  assert.match(said, /^default-src 'none'; script-src 'sha256-[\w+/=]+'; .*base-uri 'none'/);
  for (const tag of tags) {
    for (const { name, value } of tag.attributes) {
      assert.ok(!/^on/i.test(name), `${tag.tagName} ${name}`);
      assert.ok(!/^\s*(?:javascript|vbscript):/i.test(value), `${tag.tagName} ${name}="${value}"`);
    }
    assert.ok(!["IFRAME", "OBJECT", "EMBED", "BASE"].includes(tag.tagName.toUpperCase()), tag.tagName);
  }
  const scripts = tags.filter((tag) => tag.tagName.toUpperCase() === "SCRIPT");
  const [run, ...others] = scripts.filter((tag) => tag.getAttribute("type") !== "application/json");
  assert.deepEqual(others, [], "there is one script");
  const hash = createHash("sha256").update(run!.textContent).digest("base64");
  assert.ok(said.includes(`'sha256-${hash}'`), "the policy names the script");
  return tags;
}

Deno.test("a report runs no script but its own, whatever labels, texts, samples and names are", () =>
  inFolder(async (folder) => {
    const own = watched(data, () => {});
    const of = {
      ...own,
      name: SCRIPT,
      classes: HTML,
      id: (split: Parameters<typeof own.id>[0], row: number) => `${IMAGE}${split} ${row}`,
      text: () => SCRIPT,
    };
    const { path, learner } = await exampleRun(folder, "run", { of });
    const samples = new SampleStore();
    const view = await reportRun(viewRun(path, IMAGE), { model: learner, data: of }, {
      samples,
      most: 20,
      seed: 1,
    });
    learner.dispose();
    const { html, figures } = reportPage(SCRIPT, [{ group: SVG, view }], samples, {
      isExperiment: true,
      notes: [IMAGE],
    });
    const tags = harmless(html);
    const shown = tags.map(({ textContent }) => textContent).join("\n");
    for (const name of HTML) assert.ok(shown.includes(name), `"${name}" is shown as it is`);
    for (const { svg } of figures) harmless(html.replace(/<body>[^]*?(?=<script)/, `<body>${svg}`));
  }));

Deno.test("the page of a server runs no script but its own", () => {
  const limits = { maxSamples: 1, maxText: 1, mayLack: false, maxBody: 1, maxWait: 1 };
  const page = servePage({
    name: SCRIPT,
    modalities: [],
    heads: HTML,
    task: "classification",
    classes: HTML,
    limits,
    hasToken: true,
    calibrated: [],
  });
  harmless(String(page), PAGE_POLICY);
});

Deno.test("what a terminal would obey, or turn round, is shown as escapes, and long errors are cut", () => {
  const [out, { log, error }] = [[] as string[], console];
  console.log = console.error = (text) => void out.push(text);
  try {
    const output = new Output();
    output.result("a\x1b]0;title\x07\x9b2J\x7f\u202egnp.exe\u2066\u2028b\ttab\nnext");
    output.error("x".repeat(10_000_000));
  } finally {
    Object.assign(console, { log, error });
  }
  assert.equal(out[0], "a\\x1b]0;title\\x07\\x9b2J\\x7f\\u202egnp.exe\\u2066\\u2028b\ttab\nnext");
  assert.equal(out[1], `${"x".repeat(5000)}…`);
});

const FORMULAS = [
  "=1+1",
  "+1+1",
  "-1+1",
  "@SUM(A1)",
  "\t=1",
  "\r=1",
  "'=1",
  "''=1",
  '=HYPERLINK("x")',
  "-",
  "=\n1",
];
const NUMBERS = ["-1", "+2.5", "-1e-3", "1"];

/** Answers of a row with the class `name` in all columns. */
function written(format: "csv" | "jsonl" | "table", name: string): string {
  const writer = answerWriter(format, { classes: [name, "b"], top: 1, all: true });
  const probabilities = new Map([["fusion", Float64Array.of(0.75, 0.25)]]);
  const predicted = new Map([["fusion", Uint32Array.of(0)]]);
  return writer.write({
    row: { line: 1, values: { [name]: name } },
    probabilities,
    predicted,
    representations: new Map(),
  }) +
    writer.end();
}

Deno.test("cells of CSV that a spreadsheet would run are made texts, and can be read back", () => {
  for (const text of [...FORMULAS, ...NUMBERS]) {
    const [header, row] = parseCsv(written("csv", text));
    for (const cell of [header!.cells[0]!, row!.cells[0]!, row!.cells[1]!]) {
      assert.ok(NUMBERS.includes(text) || !/^[=+\-@\t\r]/.test(cell), JSON.stringify(cell));
      assert.equal(withoutHarm(cell), text);
    }
    assert.equal(parseCsv(harmlessCell(text) + "\n")[0]!.cells[0], row!.cells[0]);
  }
  assert.equal(JSON.parse(written("jsonl", "=1+1"))["=1+1"], "=1+1");
});

Deno.test("a table of answers holds nothing that a terminal would obey", () => {
  const table = written("table", "a\x1b[2J\u202eb");
  assert.match(table, /a\\x1b\[2J\\u202eb/);
  assert.ok(!table.includes("\x1b") && !table.includes("\u202e"));
});
