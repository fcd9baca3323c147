/** Names that lead out of their folder, in every form and wherever a file gives them, lead nowhere. */
import assert from "node:assert/strict";
import { basename, join, resolve } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { InnerPaths } from "../../src/data/index/inner_path.ts";
import { openTable } from "../../src/data/readers/table_formats.ts";
import { StoredBytes } from "../../src/data/stored_bytes.ts";
import { parseExperiment } from "../../src/experiments/experiment_file.ts";
import { planRuns } from "../../src/experiments/plan_runs.ts";
import { shardNames } from "../../src/io/hub_files.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { temporaryFolder } from "../io/crafted.ts";

const OUTSIDE = "outside.safetensors";
/** `FOLDER` is that of the data; a file lies beside it. */
const FORMS = [
  `../${OUTSIDE}`,
  `./.././${OUTSIDE}`,
  `inner/../../${OUTSIDE}`,
  `inner/link/../../${OUTSIDE}`,
  `link/${OUTSIDE}`,
  `FOLDER/../${OUTSIDE}`,
  `//FOLDER/../${OUTSIDE}`,
  "/etc/passwd",
  `..\\${OUTSIDE}`,
  `C:\\${OUTSIDE}`,
  `C:${OUTSIDE}`,
  `\\\\server\\share\\${OUTSIDE}`,
  `\\\\?\\C:\\${OUTSIDE}`,
  "CON",
  "NUL.safetensors",
  `file:///etc/passwd`,
  `http://127.0.0.1/${OUTSIDE}`,
  "~/.ssh/id_rsa",
  "$HOME/x.safetensors",
  "inner",
  ".",
  "..",
  "",
  " ",
  `${OUTSIDE}\0.png`,
  "a".repeat(5000),
];

function layOut(root: string): string {
  const folder = join(root, "data");
  Deno.mkdirSync(join(folder, "inner"), { recursive: true });
  Deno.writeTextFileSync(join(root, OUTSIDE), "outside");
  Deno.symlinkSync(root, join(folder, "link"));
  return folder;
}

/** How a form is refused by each that is given names; nothing else may come of it. */
const GIVEN: Readonly<Record<string, (folder: string, name: string) => unknown>> = {
  "the images of a table": (folder, name) => new InnerPaths(folder).find(name),
  "an index of weights": (folder, name) => {
    const path = join(folder, "model.safetensors.index.json");
    Deno.writeTextFileSync(path, JSON.stringify({ weight_map: { a: name } }));
    return openWeights(path);
  },
  "the index of a hub's weights": (folder, name) => {
    const path = join(folder, "model.safetensors.index.json");
    Deno.writeTextFileSync(path, JSON.stringify({ weight_map: { a: name } }));
    const [only] = shardNames(path);
    // A plain name is one of a file beside it, whatever an operating system makes of it.
    assert.ok(only === basename(only!) && !/[\\:]/.test(only) && resolve(folder, only).startsWith(folder));
    throw new UserError("is beside it");
  },
};

for (const [who, find] of Object.entries(GIVEN)) {
  Deno.test(`${who} lie where they may, whatever form their names have`, () => {
    using root = temporaryFolder();
    const folder = layOut(root.path);
    for (const form of FORMS) {
      const name = form.replace("FOLDER", folder);
      assert.throws(() => find(folder, name), (error) => {
        assert.ok(error instanceof UserError, `${JSON.stringify(form)}: ${error}`);
        return true;
      });
    }
  });
}

Deno.test("members of archives are read where they lie, whatever their names are", async () => {
  using root = temporaryFolder();
  const folder = layOut(root.path);
  const names = FORMS.filter((form) => /^[^\0]{1,90}$/.test(form)).map((form) =>
    `${form.replace("FOLDER", "")}/s.bin`
  );
  const path = join(folder, "items.tar");
  Deno.writeFileSync(path, tarOf(names));
  const before = namesBelow(root.path);
  const { rows } = await openTable(path);
  let read = 0;
  for await (const { values } of rows) {
    const cell = values.bin;
    assert.ok(cell instanceof StoredBytes);
    assert.deepEqual(new TextDecoder().decode(await cell.read()), "member");
    read++;
  }
  assert.equal(read, names.length);
  assert.deepEqual(namesBelow(root.path), before, "nothing is written");
});

Deno.test("runs of an experiment lie in folders of their own, whatever its variants are called", () => {
  const variants = FORMS.filter((form) => form.trim() !== "").map((name) => ({ name, method: "image" }));
  for (const variant of variants) {
    const file = parseExperiment({ name: "x", seeds: [1], variants: [variant] }, "x.yaml");
    for (const { name } of planRuns(file, "x.yaml", { encoders: {}, settings: [] })) {
      assert.match(name, /^[a-z0-9-]+$/);
      assert.doesNotMatch(name, /^(?:con|nul|aux|prn)$/);
    }
  }
});

function namesBelow(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) =>
    isDirectory ? [name, ...namesBelow(join(folder, name))] : [name]
  ).sort();
}

/** A tar archive of members with one text. */
function tarOf(names: readonly string[]): Uint8Array {
  const blocks = names.flatMap((name) => {
    const header = new Uint8Array(512), content = new Uint8Array(512);
    const write = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
    write(0, name);
    write(124, "00000000006\0");
    write(148, " ".repeat(8));
    write(156, "0");
    write(257, "ustar\x0000");
    const sum = header.reduce((all, byte) => all + byte, 0);
    write(148, `${sum.toString(8).padStart(6, "0")}\0 `);
    content.set(new TextEncoder().encode("member"));
    return [header, content];
  });
  const whole = new Uint8Array(512 * (blocks.length + 2));
  for (const [i, block] of blocks.entries()) whole.set(block, 512 * i);
  return whole;
}
