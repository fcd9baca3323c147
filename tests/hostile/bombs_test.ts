/** What says it is large is refused, or read; `deno task torture --class bombs` bounds memory and time too. */
import assert from "node:assert/strict";
import { bomb, BOMBS, QUICK } from "../../scripts/torture/hostile/bombs.ts";
import { temporaryFolder } from "../io/crafted.ts";

for (const [at, { what, refusal }] of BOMBS.slice(0, QUICK).entries()) {
  Deno.test(`${what} is ${refusal === undefined ? "read" : "refused in one line"}`, async () => {
    using folder = temporaryFolder();
    const outcome = await bomb(at + 1, folder.path);
    assert.deepEqual(outcome, { how: refusal === undefined ? "read" : "refused" });
  });
}
