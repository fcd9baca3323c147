/** Which tests a mutant is given to: those that run its function, in whatever process; and which mutants are TypeScript at all. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { Reach } from "../scripts/mutants/reach.ts";
import { Sandbox } from "../scripts/mutants/sandbox.ts";

/** A copy of a repository of these files. */
async function sandboxOf(files: Readonly<Record<string, string>>): Promise<Sandbox> {
  const home = await Deno.makeTempDir({ prefix: "unis-mutants-home-" });
  try {
    for (const [path, text] of Object.entries(files)) {
      Deno.mkdirSync(join(home, dirname(path)), { recursive: true });
      Deno.writeTextFileSync(join(home, path), text);
    }
    await new Deno.Command("git", { args: ["init", "--quiet"], cwd: home }).output();
    return await Sandbox.create(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const SOURCE = `export function half(x: number): number {
  if (x < 0) {
    return -half(-x);
  }
  if (x > 9) throw new Error();
  if (x > 8) throw new Error();
  return x / 2;
}
function show(): void {
  console.log(half(-1));
}
if (import.meta.main) show();
`;
const test = (body: string) => `import { half } from "../src/half.ts";\nDeno.test("half", ${body});\n`;

Deno.test("a line's tests are those that run its function up to it, themselves or by a program or worker that they start", async () => {
  const path = 'new URL("../src/half.ts", import.meta.url)';
  const sandbox = await sandboxOf({
    "src/half.ts": SOURCE,
    "src/unused.ts": "export const unused = 1;\n",
    "src/worker.ts": 'import { half } from "./half.ts";\npostMessage(half(-1));\n',
    "tests/backend.ts": "",
    "tests/idle_test.ts": 'Deno.test("idle", () => {});\n',
    "tests/own_test.ts": test("() => void half(2)"),
    "tests/program_test.ts": test(
      `async () => void await new Deno.Command(Deno.execPath(), { args: ["run", ${path}.href] }).output()`,
    ),
    "tests/worker_test.ts": `Deno.test("worker", async () => {
      const worker = new Worker(new URL("../src/worker.ts", import.meta.url), { type: "module" });
      await new Promise((resolve) => worker.onmessage = resolve);
      worker.terminate();
    });\n`,
  });
  try {
    const tests = ["idle", "own", "program", "worker"].map((name) => `tests/${name}_test.ts`);
    const [idle, own, program, worker] = tests;
    const kept = join(sandbox.root, "kept");
    const reach = await Reach.measure([sandbox], tests, kept);
    const reached = (file: string, line: number) => reach.of(file, line).sort();
    for (const line of [3, 5, 6, 7]) assert.deepEqual(reached("src/half.ts", line), [own, program, worker]);
    assert.deepEqual(reached("src/half.ts", 10), [program]);
    assert.deepEqual(reached("src/unused.ts", 1), []);
    const times = reach.of("src/half.ts", 7).map((name) => reach.milliseconds([name]));
    assert.deepEqual(times, times.toSorted((a, b) => a - b), "the quickest first");
    const both = reach.milliseconds([own!, "--filter", idle!]);
    assert.equal(both, reach.milliseconds([own!]) + reach.milliseconds([idle!]));
    // What has not changed is not run again.
    await sandbox.withFile(own!, "no test", async () => {
      const others = [idle!, program!, worker!];
      const again = await Reach.measure([sandbox], others, kept);
      assert.deepEqual(again.of("src/half.ts", 7).sort(), [program, worker]);
      assert.equal(again.milliseconds(tests), reach.milliseconds(others));
      await assert.rejects(Reach.measure([sandbox], [own!], kept), /own_test\.ts fails as it is, twice:/);
    });
    await sandbox.withFile("src/half.ts", SOURCE.replace("x / 2", "fail()"), async () => {
      await assert.rejects(
        Reach.measure([sandbox], [own!], kept),
        /own_test\.ts fails as it is, twice:[^]*fail is not/,
      );
    });
  } finally {
    sandbox.remove();
  }
});

Deno.test("versions of files with mistakes are told from those without, also where one is no TypeScript", async () => {
  const sandbox = await sandboxOf({ "src/half.ts": SOURCE, "src/other.ts": "export const other = 1;\n" });
  try {
    const version = (file: string, text: string) => ({ file, text: () => text });
    const right = [
      version("src/half.ts", SOURCE.replace("x < 0", "x <= 0")),
      version("src/other.ts", 'import { half } from "./half.ts";\nexport const other = half(2);\n'),
    ];
    const wrong = [
      version("src/half.ts", SOURCE.replace("x / 2", "`x`")),
      version("src/other.ts", "export const other: string = 1;\n"),
    ];
    const broken = [version("src/other.ts", "export const = 1;\n"), version("src/half.ts", "function {\n")];
    const found = async (versions: readonly (typeof right)[number][]) => [
      ...await sandbox.withoutMistakes(versions),
    ];
    assert.deepEqual(
      await found([wrong[0]!, broken[0]!, right[0]!, wrong[1]!, broken[1]!, right[1]!]),
      right,
    );
    assert.deepEqual(await found([]), []);
    assert.deepEqual([...Deno.readDirSync(join(sandbox.root, "src"))].map(({ name }) => name).sort(), [
      "half.ts",
      "other.ts",
    ]);
  } finally {
    sandbox.remove();
  }
});
