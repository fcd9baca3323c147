import assert from "node:assert/strict";
import { formatTable } from "../../src/report/table.ts";

Deno.test("columns are as wide as their cells are shown, in one line, control characters as escapes", () => {
  assert.deepEqual(formatTable([["class", "n"], ["\x1b[31mred", "10"], ["a\nb", "2", "more"]]), [
    "class         n",
    "-----------  --  ----",
    "\\x1b[31mred  10",
    "a b           2  more",
  ]);
});
