// scripts/test_by_file.ts must tell the truth about files that pass, fail, stand still, or end without counts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { filesIn, outcomeOf, testFile } from "../scripts/test_by_file.ts";

const folder = Deno.makeTempDirSync({ prefix: "unis-by-file-" });
Deno.test.afterAll(() => Deno.removeSync(folder, { recursive: true }));

/** What becomes of a file with this source. */
async function run(
  source: string,
  seconds = 60,
  ...progress: [note?: (line: string) => void, every?: number]
) {
  const path = join(folder, `${crypto.randomUUID()}_test.ts`);
  Deno.writeTextFileSync(path, source);
  const { output, ...outcome } = await testFile(path, seconds, ...progress);
  return { outcome, output };
}

const PASSES = `Deno.test("a", async (t) => { await t.step("s", () => {}); });\n`;
const FAILS = `Deno.test("b", () => { throw new Error("no"); });\n`;
const IGNORED = `Deno.test.ignore("c", () => {});\n`;

const CASES: [what: string, source: string, expected: object][] = [
  ["tests of every kind are counted", PASSES + FAILS + IGNORED, { passed: 1, failed: 1, ignored: 1 }],
  [
    "a process that dies in a test is a failure",
    `${PASSES}Deno.test("d", () => Deno.kill(Deno.pid, "SIGABRT"));`,
    { passed: 1, failed: 1, ignored: 0, fault: "ended with status 134 and without counts" },
  ],
];
for (const [what, source, expected] of CASES) {
  Deno.test(what, async () => {
    const { outcome, output } = await run(source);
    assert.deepEqual(outcome, expected, output);
  });
}

Deno.test("a file that stands still tells how far it is and is ended, with the processes that it started", async () => {
  const ticks = join(folder, "ticks");
  const clock = JSON.stringify(`while :; do echo >> "${ticks}"; sleep .05; done`);
  const notes: string[] = [];
  const { outcome } = await run(
    `${PASSES}${IGNORED}Deno.test("e", async () => {
      await new Deno.Command("sh", { args: ["-c", ${clock}] }).output();
    });`,
    3,
    (line) => notes.push(line),
    .5,
  );
  assert.deepEqual(outcome, { passed: 1, failed: 1, ignored: 1, fault: "was ended after 3 s" });
  assert.equal(notes.at(-1), "1 passed, 0 failed, 1 ignored so far");
  const { size } = Deno.statSync(ticks);
  await new Promise((resume) => setTimeout(resume, 500));
  assert.ok(size > 0);
  assert.equal(Deno.statSync(ticks).size, size);
});

Deno.test("a process that dies after its tests, as Dawn may, is a failure", () => {
  const output = "ok | 12 passed (3 steps) | 0 failed | 2 ignored (4s)\n";
  const counts = { passed: 12, failed: 0, ignored: 2 };
  assert.deepEqual(outcomeOf(output, 0), { ...counts, output });
  const fault = "ended with status 134 after its tests";
  assert.deepEqual(outcomeOf(output, 134), { ...counts, failed: 1, fault, output });
});

Deno.test("the files of a folder are its tests, and those with examples where it holds no tests", () => {
  const tests = filesIn(["tests/ops"]);
  assert.ok(
    tests.includes("tests/ops/op_table_test.ts") && !tests.includes("tests/ops/table.ts"),
    `${tests}`,
  );
  const examples = filesIn(["src/ops", "README.md"]);
  assert.ok(examples.includes("src/ops/softmax.ts") && examples.includes("README.md"), `${examples}`);
  assert.ok(!examples.includes("src/ops/workgroup.ts"), `${examples}`);
});
