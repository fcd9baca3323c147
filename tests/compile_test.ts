// What a compiled program carries: small, and enough to run, with nothing else at hand. Deno's base of such programs is
// not fetched here, so that none is run: what would be in it is run by Deno itself.
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { compileArguments } from "../scripts/compile/arguments.ts";
import { stage } from "../scripts/compile/stage.ts";
import { TINY_MODEL } from "./train/tiny.ts";

const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const LIMIT = 40e6;

const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "unis-compile-" }));
Deno.test.afterAll(() => Deno.removeSync(folder, { recursive: true }));
const program = join(folder, "stage");
const sizes = await stage(ROOT, program);

/** Runs Deno without any package or module but those in the stage. */
function deno(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: program,
    env: { DENO_DIR: join(folder, "deno"), UNIS_CACHE_DIR: join(folder, "cache"), NO_COLOR: "1", ...env },
    stdin: "null",
  }).outputSync();
  return { code, output: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("") };
}

Deno.test("what is compiled is below 40 MB", () => {
  const total = Object.values(sizes).reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(total < LIMIT, JSON.stringify(sizes));
});

Deno.test("no file of a package that is left out is imported by one that is not", () => {
  let imports = 0;
  for (const file of filesIn(join(program, "node_modules"))) {
    if (!/\.[cm]?js$/.test(file)) continue;
    const source = Deno.readTextFileSync(file);
    for (
      const [, path] of source.matchAll(/(?:require\(|from|import|import\()\s*["'](\.\.?\/[^"'\n]*)["']/g)
    ) {
      const target = join(dirname(file), path!);
      const before = ENDINGS.map((ending) => join(ROOT, relative(program, target) + ending)).find(isFile);
      // What was never there is in a comment, or for another system.
      if (before === undefined || !/\.(?:[cm]?js|json|wasm)$/.test(before)) continue;
      assert.ok(isFile(join(program, relative(ROOT, before))), `${relative(program, file)} imports ${path}`);
      imports++;
    }
  }
  assert.ok(imports > 1000, `only ${imports} imports`);
});

const ENDINGS = ["", ".js", ".cjs", ".mjs", ".json", "/index.js"];

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesIn(join(folder, name));
    else if (isFile) yield join(folder, name);
  }
}

Deno.test("what is compiled runs by itself: emoji, pictures, tables, reports and exports", () => {
  const permissions = compileArguments(ROOT, { output: "" }).filter((flag) =>
    /^--(allow|ignore|no-prompt)/.test(flag)
  );
  const succeeds = (...args: string[]) => {
    const { code, output } = deno([
      "run",
      "--quiet",
      "--cached-only",
      "--no-remote",
      ...permissions,
      "main.ts",
      ...args,
    ]);
    assert.equal(code, 0, `${args.join(" ")}: ${output}`);
    return output;
  };
  const path = (name: string) => join(folder, name);
  const tiny = [
    ...TINY_MODEL,
    "training.epochs=1",
    "data.image_size=16",
    "model.encoders.image.patch_size=8",
  ];
  succeeds("train", "--out", path("emoji"), "--set", ...tiny);
  assert.match(succeeds("evaluate", path("emoji")), /^test split, 538 samples/m);
  succeeds("report", path("emoji"), "--points", "40");
  succeeds("export", path("emoji"), "--to", path("exported"));
  const image = join(ROOT, "tests/fixtures/images/jpeg_420.jpg");
  assert.match(succeeds("predict", path("emoji"), "--image", image, "--text", "dog"), /dog/);
  // Images are decoded in workers.
  const formats = join(ROOT, "tests/fixtures/image_formats");
  Deno.copyFileSync(image, path("a.jpg"));
  for (const file of ["webp_lossy_50.webp", "avif_444.avif", "gif_palette.gif"]) {
    Deno.copyFileSync(join(formats, file), path(file));
  }
  const rows = (label: string) =>
    ["a.jpg", "webp_lossy_50.webp", "avif_444.avif", "gif_palette.gif"].map((file) => `${file},${label}\n`)
      .join("");
  Deno.writeTextFileSync(
    path("items.csv"),
    `image,label\n${rows("x").repeat(5)}${rows("y").repeat(5)}`,
  );
  const settings = [
    "data.image=image",
    "data.image_size=24",
    "training.epochs=1",
    "training.batch=8",
    "training.micro_batch=8",
  ];
  succeeds(
    "train",
    "--data",
    `table:${path("items.csv")}`,
    "--method",
    "image",
    "--out",
    path("table"),
    "--set",
    ...settings,
  );
});

Deno.test({
  name: "deno compile takes what is laid out, and makes no more of it than that",
  ignore: Deno.build.os !== "linux",
  fn() {
    const output = join(folder, "unis");
    // In place of the base that Deno would fetch stands Deno itself: the result is no program, but its size is right.
    const { code, output: said } = deno(compileArguments(ROOT, { output }), { DENORT_BIN: Deno.execPath() });
    assert.equal(code, 0, said);
    const added = Deno.statSync(output).size - Deno.statSync(Deno.execPath()).size;
    assert.ok(added > sizes.emoji && added < LIMIT, `${added} bytes were added to the base`);
    assert.match(said, /emoji\.archive/);
  },
});
