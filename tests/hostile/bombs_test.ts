/** What says it is large is refused, or read; `deno task torture --class bombs` bounds memory and time too. */
import assert from "node:assert/strict";
import { bomb, BOMBS, QUICK } from "../../scripts/torture/hostile/bombs.ts";
import { join } from "node:path";
import { LONGEST_ROW } from "../../src/data/readers/table_format.ts";
import { openTable } from "../../src/data/readers/table_formats.ts";
import { temporaryFolder } from "../io/crafted.ts";

for (const [at, { what, refusal }] of BOMBS.slice(0, QUICK).entries()) {
  Deno.test(`${what} is ${refusal === undefined ? "read" : "refused in one line"}`, async () => {
    using folder = temporaryFolder();
    const outcome = await bomb(at + 1, folder.path);
    assert.deepEqual(outcome, { how: refusal === undefined ? "read" : "refused" });
  });
}

Deno.test("a line of JSON that is longer than any row is a fault of its own, and those around it are read", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "items.jsonl");
  {
    using file = Deno.openSync(path, { write: true, create: true });
    const write = (text: string) => file.writeSync(new TextEncoder().encode(text));
    write('{"a": 1}\n{"a": "');
    const piece = "x".repeat(LONGEST_ROW / 4);
    for (let i = 0; i < 9; i++) write(piece);
    write('"}\n{"a": 3}\n\n{"a": 5}');
  }
  const { rows } = await openTable(path);
  const found: [line: number, cell: unknown][] = [];
  for await (const { line, values, fault } of rows) found.push([line, fault ?? values.a]);
  assert.deepEqual(found, [[1, 1], [2, `is longer than ${LONGEST_ROW} characters`], [3, 3], [5, 5]]);
});
