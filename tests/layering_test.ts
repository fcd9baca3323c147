// The layers of src/: imports only point downward, the engine needs no package, nothing comes from a URL, and no file
// grows past what one sitting can read.
import assert from "node:assert/strict";
import { basename, dirname, join, normalize, relative } from "node:path/posix";

/** From the top down; layers of one row do not know each other, unless PEERS says so. */
const ROWS = [
  ["main.ts", "mod.ts"],
  ["cli"],
  ["app"],
  ["report", "experiments"],
  ["train", "export"],
  ["build", "tuning"],
  ["runs"],
  ["config", "metrics"],
  ["models.ts"],
  ["data", "models"],
  ["io", "distributed"],
  ["engine.ts"],
  ["optim", "nn"],
  ["ops", "onnx"],
  ["tensor"],
  ["gpu"],
  ["base"],
];
/** Imports between layers of one row; both ways would be a circle. */
const PEERS = new Set(["report -> experiments", "config -> metrics", "optim -> nn"]);
/** What a program of one's own may take without any package. */
const ENGINE = new Set([
  "base",
  "gpu",
  "tensor",
  "ops",
  "onnx",
  "nn",
  "optim",
  "models",
  "engine.ts",
  "models.ts",
]);
/** The entries of the program and of the library: see `exports` in deno.json. Nothing within imports them. */
const ENTRIES = ["main.ts", "mod.ts", "engine.ts", "models.ts"];
const MAX_LINES = 300;

/** Why `file` (a path from the root) may not import `specifier`; undefined if it may. */
function broken(file: string, specifier: string): string | undefined {
  const layer = layerOf(file);
  if (layer === undefined) return "the file is in no layer";
  if (!specifier.startsWith(".")) {
    if (/^(jsr|https?|data|blob|file):/.test(specifier) || specifier.startsWith("@std/")) {
      return "imports come from files, npm or node only";
    }
    const isPackage = !specifier.startsWith("node:");
    return isPackage && ENGINE.has(layer) ? `${layer} imports no package` : undefined;
  }
  const target = normalize(join(dirname(file), specifier));
  if (target.startsWith("wgsl/")) {
    return ENGINE.has(layer) ? undefined : "kernels belong to the engine";
  }
  const other = layerOf(target);
  if (other === undefined) return "the target is in no layer";
  if (ENTRIES.includes(other)) return "entries are for those outside";
  if (ENGINE.has(layer) && !ENGINE.has(other)) {
    return "the engine knows the engine alone, and nothing of files";
  }
  if (other === layer || PEERS.has(`${layer} -> ${other}`)) return undefined;
  return rowOf(other) > rowOf(layer) ? undefined : `${layer} is not above ${other}`;
}

function layerOf(file: string): string | undefined {
  const name = file.startsWith("src/") ? file.split("/")[1]! : file;
  return ROWS.flat().includes(name) ? name : undefined;
}

function rowOf(layer: string): number {
  return ROWS.findIndex((row) => row.includes(layer));
}

/** The specifiers of static and dynamic imports and re-exports, of `import.meta.resolve` and of worker URLs. */
function specifiersOf(source: string): string[] {
  const code = withoutComments(source);
  const patterns = [
    /\b(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+?\s+from\s*)?["']([^"'\n]+)["']/g,
    /\bimport\s*\(\s*["'`]([^"'`\n]+)["'`]/g,
    /\bimport\.meta\.resolve\s*\(\s*["'`]([^"'`\n]+)["'`]/g,
    /\bnew\s+URL\s*\(\s*["'`]([^"'`\n]+)["'`]\s*,\s*import\.meta\.url/g,
  ];
  return patterns.flatMap((pattern) => Array.from(code.matchAll(pattern), (match) => match[1]!));
}

/** Drops comments, but not what looks like one inside a string. */
function withoutComments(source: string): string {
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(token, (text) => text.startsWith("/") ? " " : text);
}

function* sourceFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* sourceFiles(`${folder}/${name}`);
    else if (/\.(ts|tsx|js|mjs)$/.test(name)) yield `${folder}/${name}`;
  }
}

const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

function readFiles(): { file: string; source: string }[] {
  const paths = [...sourceFiles(`${ROOT}/src`), ...ENTRIES.map((name) => `${ROOT}/${name}`)];
  return paths.map((path) => ({ file: relative(ROOT, path), source: Deno.readTextFileSync(path) }));
}

Deno.test("imports in src/ only point downward, and the engine imports no package", () => {
  const files = readFiles();
  const faults: string[] = [];
  let imports = 0;
  for (const { file, source } of files) {
    for (const specifier of specifiersOf(source)) {
      imports++;
      const fault = broken(file, specifier);
      if (fault !== undefined) faults.push(`${file} imports ${specifier}: ${fault}`);
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(imports > files.length, `found only ${imports} imports in ${files.length} files`);
});

Deno.test("src/ holds layers only, in files named in snake_case that one can read", () => {
  for (const { file, source } of readFiles()) {
    assert.notEqual(layerOf(file), undefined, `${file} is in no layer`);
    // A browser gets no TypeScript.
    assert.match(
      basename(file),
      /^([a-z0-9_]+\.ts|page\.js)$/,
      file,
    );
    const lines = source.split("\n").length - 1;
    assert.ok(lines <= MAX_LINES, `${file} has ${lines} lines, over ${MAX_LINES}: it is two things`);
  }
});

Deno.test("no files import each other in a circle, not even for types", () => {
  const imports = new Map(
    readFiles().map(({ file, source }) => [
      file,
      specifiersOf(source).filter((specifier) => specifier.startsWith("."))
        .map((specifier) => normalize(join(dirname(file), specifier))),
    ]),
  );
  assert.deepEqual(circles(imports), []);
});

Deno.test("circles are found whatever their length", () => {
  const graph = new Map([["a", ["b"]], ["b", ["c", "d"]], ["c", ["a"]], ["d", ["e"]], ["e", []], ["f", [
    "f",
  ]]]);
  assert.deepEqual(circles(graph), ["a -> b -> c -> a", "f -> f"]);
});

/** The circles that a walk along the imports runs into, each told once. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]) => {
    const at = path.indexOf(file);
    if (at >= 0) found.push([...path.slice(at), file].join(" -> "));
    if (at >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return found;
}

Deno.test("the layering rule tells good imports from bad ones", () => {
  const cases: [string, string, boolean][] = [
    ["main.ts", "./src/cli/train.ts", true],
    ["mod.ts", "./src/app/work.ts", true],
    ["models.ts", "./src/models/classifier.ts", true],
    ["engine.ts", "./src/optim/adam.ts", true],
    ["src/cli/train.ts", "../app/work.ts", true],
    ["src/cli/train.ts", "commander", true],
    ["src/app/work.ts", "../report/console.ts", true],
    ["src/report/html.ts", "../experiments/results.ts", true],
    ["src/train/trainer.ts", "../data/batch.ts", true],
    ["src/train/trainer.ts", "../gpu/gpu.ts", true],
    ["src/build/load_dataset.ts", "../runs/run_folder.ts", true],
    ["src/runs/records.ts", "../metrics/metrics.ts", true],
    ["src/config/run_config.ts", "../models/methods/methods.ts", true],
    ["src/data/images/formats/jpeg.ts", "jpeg-js", true],
    ["src/data/images/image.ts", "../../base/user_error.ts", true],
    ["src/data/readers/table.ts", "../../io/csv.ts", true],
    ["src/ops/softmax.ts", "../../wgsl/rows/softmax.wgsl", true],
    ["src/ops/softmax.ts", "./check.ts", true],
    ["src/gpu/adapter.ts", "../base/user_error.ts", true],
    ["src/gpu/adapter.ts", "node:process", true],
    ["src/nn/linear.ts", "../ops/matmul.ts", true],
    ["src/models/encoders/vit.ts", "../../nn/linear.ts", true],
    // upward
    ["src/base/user_error.ts", "../gpu/gpu.ts", false],
    ["src/gpu/pool.ts", "../tensor/tensor.ts", false],
    ["src/tensor/tensor.ts", "../ops/add.ts", false],
    ["src/ops/softmax.ts", "../nn/linear.ts", false],
    ["src/nn/linear.ts", "../models/classifier.ts", false],
    ["src/optim/adam.ts", "../train/trainer.ts", false],
    ["src/models/encoders/vit.ts", "../../train/trainer.ts", false],
    ["src/io/safetensors.ts", "../runs/run_folder.ts", false],
    ["src/runs/run_folder.ts", "../build/load_dataset.ts", false],
    ["src/build/load_dataset.ts", "../train/learner.ts", false],
    ["src/config/run_config.ts", "../runs/run_folder.ts", false],
    ["src/train/trainer.ts", "../app/work.ts", false],
    ["src/app/work.ts", "../cli/train.ts", false],
    ["src/report/html.ts", "../cli/train.ts", false],
    ["src/cli/train.ts", "../../main.ts", false],
    ["src/cli/train.ts", "../../engine.ts", false],
    ["mod.ts", "./engine.ts", false],
    ["engine.ts", "./src/models/classifier.ts", false],
    ["models.ts", "./src/data/batch.ts", false],
    ["models.ts", "zod", false],
    ["src/data/deep/er/x.ts", "../../../cli/train.ts", false],
    // sideways against the allowed direction
    ["src/experiments/results.ts", "../report/html.ts", false],
    ["src/build/load_dataset.ts", "../tuning/plan_cache.ts", false],
    ["src/io/safetensors.ts", "../data/batch.ts", false],
    ["src/nn/linear.ts", "../optim/adam.ts", false],
    ["src/models/encoders/vit.ts", "../../data/batch.ts", false],
    // the engine knows nothing of files
    ["src/optim/plateau.ts", "../io/files.ts", false],
    ["src/models/encoders/vit.ts", "../../io/json_file.ts", false],
    // packages in the engine
    ["src/gpu/adapter.ts", "zod", false],
    ["src/tensor/shape.ts", "npm:zod@4", false],
    ["src/ops/add.ts", "@huggingface/tokenizers", false],
    ["src/nn/linear.ts", "zod", false],
    ["src/models/encoders/vit.ts", "zod", false],
    ["src/optim/adam.ts", "zod", false],
    ["src/gpu/kernel.ts", "../io/safetensors.ts", false],
    ["src/nn/parameters.ts", "../io/safetensors.ts", false],
    // URLs
    ["src/cli/train.ts", "jsr:@std/path", false],
    ["src/cli/train.ts", "@std/path", false],
    ["src/data/image.ts", "https://example.org/x.ts", false],
    ["main.ts", "http://example.org/x.ts", false],
    // out of the house
    ["src/data/image.ts", "../../wgsl/rows/softmax.wgsl", false],
    ["src/data/image.ts", "../../tests/gpu.ts", false],
    ["src/gpu/adapter.ts", "../../scripts/bench.ts", false],
    ["src/misc/thing.ts", "../gpu/pool.ts", false],
    ["src/loose.ts", "./gpu/pool.ts", false],
  ];
  for (const [file, specifier, allowed] of cases) {
    assert.equal(broken(file, specifier) === undefined, allowed, `${file} imports ${specifier}`);
  }
});

Deno.test("the import finder sees every form of import and no comment", () => {
  const source = `
    import "./a.ts";
    import b from "./b.ts";
    import type { C } from "./c.ts";
    import {
      d, // not from "./no1.ts"
      type D,
    } from './d.ts';
    import * as e from "./e.ts";
    import f, { type F as G } from "./f.ts";
    export { h } from "./h.ts";
    export * from "./i.ts";
    export type { J } from "./j.ts";
    import k from "../k.wgsl" with { type: "text" };
    const l = await import("./l.ts");
    const m = import.meta.resolve("m/data.json");
    new Worker(new URL("./n.ts", import.meta.url), { type: "module" });
    // import o from "./no2.ts";
    /* import "./no3.ts"; */
    const url = "https://example.org"; export { p } from "./p.ts";
  `;
  const letters = ["a", "b", "c", "d", "e", "f", "h", "i", "j", "l", "n", "p"].map((x) => `./${x}.ts`);
  assert.deepEqual(specifiersOf(source).sort(), [...letters, "../k.wgsl", "m/data.json"].sort());
});
