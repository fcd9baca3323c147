// docs/inputs.md, by what becomes of each of its inputs now.
import assert from "node:assert/strict";
import { rowsOf } from "../scripts/inputs/main.ts";
import { INPUTS } from "../scripts/inputs/inputs.ts";

const page = Deno.readTextFileSync(new URL("../docs/inputs.md", import.meta.url));

/** The cells of the table under a heading. */
function tableUnder(title: string): string[][] {
  const lines = page.split(`\n## ${title}\n`)[1]!.split("\n## ")[0]!.split("\n").filter((line) =>
    line.startsWith("|")
  );
  return lines.slice(2).map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

for (const [title, inputs] of Object.entries(INPUTS)) {
  Deno.test(`docs/inputs.md says what becomes of inputs: ${title}`, async () => {
    assert.deepEqual(await rowsOf(inputs), tableUnder(title), "write it anew by scripts/inputs/main.ts");
  });
}
