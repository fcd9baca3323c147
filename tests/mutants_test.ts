/** Mutants: which changes are made where, in which order they are drawn, and that nothing is left behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { draw, type Mutant, mutantsOf } from "../scripts/mutants/draw.ts";
import { kernelsOf, runsFor, testsOf, within } from "../scripts/mutants/folders.ts";
import { mutationsOf } from "../scripts/mutants/mutations.ts";
import { Sandbox } from "../scripts/mutants/sandbox.ts";
import type { Language } from "../scripts/mutants/tokens.ts";

const ROOT = join(import.meta.dirname!, "..");

const changesOf = (source: string, language: Language = "ts") =>
  mutationsOf(source, language).map(({ before, after }) => `${before} → ${after}`);

const changes: readonly (readonly [source: string, expected: readonly string[]])[] = [
  ["x = a + b;", ["x = a + b; → ;", "+ → -"]],
  ["return a < b && !c;", ["< → <=", "< → >=", "&& → ||", "! → "]],
  ["return a === true ? b : c;", ["=== → !==", "true → false", "b : c → c : b"]],
  ["return a ? b : c ? d : e;", ["b : c ? d : e → (c ? d : e) : b", "d : e → e : d"]],
  ["return a ? (b ? c : d) : e;", ["(b ? c : d) : e → e : ((b ? c : d))", "c : d → d : c"]],
  ["return Math.max(a, b) + o.max;", ["max → min", "a, b → b, a", "+ → -"]],
  ["return f(a, [b, c], d);", ["a, [b, c] → [b, c], a"]],
  ["return f(a, (b, c) => b);", ["a, (b, c) => b → (b, c) => b, a"]],
  ["return f(a!, b as C, d);", ["a!, b as C → b as C, a!"]],
  ["const x = 7;", ["7 → 8", "7 → 6"]],
  ["const x = 0;", ["0 → 1"]],
  ["const x = 1_000 + 1e-3 + 0x10;", [
    "1_000 → 1001",
    "1_000 → 999",
    "+ → -",
    "1e-3 → 1.001",
    "+ → -",
    "0x10 → 17",
    "0x10 → 15",
  ]],
  ["for (let i = 0; i < n; i++) continue;", ["0 → 1", "< → <=", "< → >=", "++ → --", "continue; → ;"]],
  ["if (a) throw new Error(`no ${b - 1}`);", [
    "throw new Error(`no ${b - 1}`); → ;",
    "- → +",
    "1 → 2",
    "1 → 0",
  ]],
  ['const x = { kind: "gelu", "key": "two words" };', ['"gelu" → ""']],
];
for (const [source, expected] of changes) {
  Deno.test(`mutationsOf() changes ${source}`, () => {
    assert.deepEqual(changesOf(source), expected);
  });
}

// Changes of these would not be changes of what the program does.
const unchanged: readonly string[] = [
  'import { a } from "./a.ts";',
  'import type { B } from "./b.ts";',
  "type Cell = 1 | 4;",
  "interface A { readonly size?: 3; list: readonly (A & B)[] }",
  "function f<T extends 1 | 2>(a?: T): a is T { return a!; }",
  "const x = y as 1 satisfies 1 | 2;",
  "// a < b && 3",
  "/* 1 + 2 */ export { x };",
  "const x = /a|b{2,3}+\\/[/]/u;",
  "const x = `1 + 2 is ${three} or 'true'`;",
  "class A { #field; constructor(private readonly a: 1, readonly b = c) { super(); } }",
];
for (const source of unchanged) {
  Deno.test(`mutationsOf() leaves ${source}`, () => {
    assert.deepEqual(changesOf(source).filter((change) => change !== "super(); → ;"), []);
  });
}

Deno.test("mutationsOf() knows WGSL: types and bindings stay, unsigned numbers keep their suffix", () => {
  const source = `// y = x + 1
alias Elem = f32;
const WG: u32 = 64u;
struct Params { count: u32 }
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Elem>>;
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u) {
  let i = max(group.x, 1u);
  if (i >= params.count) { return; }
  y[i] = vec4<Elem>(0.5);
}`;
  assert.deepEqual(changesOf(source, "wgsl"), [
    "64u → 65u",
    "64u → 63u",
    "max → min",
    "group.x, 1u → 1u, group.x",
    "1u → 2u",
    "1u → 0u",
    ">= → >",
    ">= → <",
    "y[i] = vec4<Elem>(0.5); → ;",
    "0.5 → 1.5",
  ]);
});

const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));

Deno.test("every source of the repository has mutants, whatever of TypeScript it is written in", () => {
  const below = (folder: string): string[] =>
    [...Deno.readDirSync(join(ROOT, folder))].flatMap(({ name, isDirectory }) =>
      isDirectory ? below(`${folder}/${name}`) : [`${folder}/${name}`]
    );
  const files = [...below("src"), ...below("wgsl")].filter((path) => /\.(ts|wgsl)$/.test(path));
  const mutants = files.map((file) => mutantsOf("src", [file], read).length);
  assert.ok(mutants.filter((count) => count > 0).length > 0.8 * files.length);
});

Deno.test("a mutant differs from its source in the place it names, and there only", () => {
  for (
    const file of ["src/ops/gemm_plan.ts", "src/data/text/tokenizer.ts", "wgsl/attention/attention.wgsl"]
  ) {
    const source = read(file);
    const mutants = mutantsOf("src/ops", [file], read);
    assert.ok(mutants.length > 40, file);
    for (const { start, end, before, after, line, text } of mutants) {
      assert.equal(source.slice(start, end), before);
      assert.notEqual(before, after);
      assert.equal(text(), source.slice(0, start) + after + source.slice(end));
      assert.ok(source.split("\n")[line - 1]!.includes(before.split("\n")[0]!));
    }
  }
});

Deno.test("draw() gives each mutant once, folders by turns, in an order that the seed alone decides", () => {
  const folders = [["src/ops/pointwise.ts"], ["src/ops/cast.ts"]].map((files, i) =>
    mutantsOf(`${i}`, files, read)
  );
  const order = (seed: number) => [...draw(folders, seed)];
  assert.deepEqual(order(3), order(3));
  assert.notDeepEqual(order(3), order(4));
  const drawn = order(3);
  const moved = folders.map((mutants) =>
    mutants.slice(9).map((mutant) => ({ ...mutant, line: mutant.line + 3 }))
  );
  const names = (mutants: readonly Mutant[]) =>
    mutants.map(({ context, before, after }) => [context, before, after].join());
  const kept = new Set(names(moved.flat()));
  const ofFolder = (mutants: readonly Mutant[], name: string) =>
    names(mutants.filter(({ folder }) => folder === name));
  assert.deepEqual(
    ofFolder([...draw(moved, 3)], "0"),
    ofFolder(drawn, "0").filter((name) => kept.has(name)),
    "changes elsewhere leave the order as it is",
  );
  assert.equal(new Set(drawn).size, folders.flat().length);
  assert.deepEqual(drawn.slice(0, 4).map(({ folder }) => folder), ["0", "1", "0", "1"]);
  const rest = drawn.slice(2 * folders[1]!.length);
  assert.ok(rest.every(({ folder }) => folder === "0"), "the larger goes on alone");
  const meanPlace = (weight: (weight: number) => boolean) => {
    const places = [...drawn.keys()].filter((place) => weight(drawn[place]!.weight));
    return places.reduce((a, b) => a + b) / places.length;
  };
  assert.ok(
    meanPlace((weight) => weight >= 0.5) < meanPlace((weight) => weight < 0.2),
    "the likelier the sooner",
  );
});

Deno.test("every folder of the source has tests, and every folder of kernels belongs to one", () => {
  const below = (root: string) => [...Deno.readDirSync(join(ROOT, root))].map(({ name }) => name).sort();
  const folders = below("src").map((name) => `src/${name}`);
  for (const path of folders.flatMap(testsOf)) assert.ok(Deno.statSync(join(ROOT, path)).isDirectory, path);
  assert.deepEqual(testsOf("src/data/readers/formats"), testsOf("src/data"));
  assert.deepEqual(within(["a/b/c", "a/bc", "a/d"], ["a/b", "a/d"]), ["a/b/c", "a/d"]);
  assert.deepEqual(folders.flatMap((folder) => kernelsOf(folder, below("wgsl"))).sort(), below("wgsl"));
});

Deno.test("the tests nearest to a file are run first", () => {
  const [adam, scale, plateau] = ["adam", "loss_scale", "plateau"].map((name) =>
    `tests/optim/${name}_test.ts`
  );
  const texts = new Map([[adam!, 'import "../../src/optim/plateau.ts"'], [scale!, ""], [plateau!, ""], [
    "tests/x_test.ts",
    "",
  ]]);
  assert.deepEqual(runsFor("src/optim/plateau.ts", "src/optim", texts), [[plateau, adam], [
    scale,
    "tests/x_test.ts",
  ]]);
  const table = "tests/ops/op_table_test.ts";
  assert.deepEqual(runsFor("wgsl/matmul/tiles.wgsl", "src/ops", new Map([[table, ""]])), [
    [table, "--filter", "matmul ops"],
    [table],
  ]);
});

Deno.test("a sandbox changes a copy, undoes it whatever happens, ends what runs too long, and goes", async () => {
  const home = await Deno.makeTempDir({ prefix: "unis-mutants-home-" });
  try {
    Deno.writeTextFileSync(`${home}/a.ts`, "console.log(1);");
    Deno.writeTextFileSync(`${home}/.gitignore`, "ignored");
    Deno.writeTextFileSync(`${home}/ignored`, "");
    Deno.mkdirSync(`${home}/node_modules`);
    await new Deno.Command("git", { args: ["init", "--quiet"], cwd: home }).output();
    const sandbox = await Sandbox.create(home);
    const run = async (text: string, limit = Infinity) =>
      await sandbox.withFile("a.ts", text, () => sandbox.deno(["run", "a.ts"], { limit }));
    try {
      assert.deepEqual(await run("console.log(2);"), { passed: true, timedOut: false, output: "2\n" });
      assert.equal((await run("throw new Error('three')")).passed, false);
      await assert.rejects(sandbox.withFile("a.ts", "", () => Promise.reject(new Error("no"))), /no/);
      assert.equal((await sandbox.deno(["run", "a.ts"])).output, "1\n");
      assert.equal((await run("for (;;);", 1000)).timedOut, true);
      assert.equal((await sandbox.deno(["run", "a.ts"])).output, "1\n");
      assert.equal((await sandbox.deno(["eval", 'Deno.statSync("ignored")'])).passed, false);
    } finally {
      sandbox.remove();
    }
    assert.equal(Deno.readTextFileSync(`${home}/a.ts`), "console.log(1);");
    assert.equal(await sandbox.deno(["eval", ""]).catch(() => "gone"), "gone");
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} in the midst of a mutant leaves nothing behind`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "unis-mutants-signal-" });
    try {
      const args = [
        "run",
        "-A",
        "--no-check",
        "scripts/mutants/main.ts",
        "--folder",
        "src/io",
        "--timeout",
        "60",
      ];
      const child = new Deno.Command(Deno.execPath(), {
        args,
        cwd: ROOT,
        env: { TMPDIR: folder },
        stdout: "null",
        stderr: "null",
      }).spawn();
      const entries = () => [...Deno.readDirSync(folder)];
      let hasEnded = false;
      child.status.finally(() => hasEnded = true);
      while (!entries().some(({ name }) => existsIn(join(folder, name)))) {
        assert.ok(!hasEnded, "it ended by itself");
        await wait(20);
      }
      child.kill(signal);
      assert.equal((await child.status).code, 130);
      assert.deepEqual(entries(), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** True once all of the copy is there, packages being linked last. */
function existsIn(copy: string): boolean {
  try {
    return Deno.lstatSync(join(copy, "node_modules")).isSymlink;
  } catch {
    return false;
  }
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
