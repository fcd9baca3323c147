// Test files run two at a time in one process: none may change what the others share with it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { withVariables } from "./variables.ts";

const FOLDER = new URL(".", import.meta.url).pathname;

Deno.test("variables are set, or hidden, for one file until they are disposed of, and not for the process", () => {
  const path = Deno.env.get("PATH");
  assert.ok(path);
  {
    using _ = withVariables({ UNIS_TEST: "own", PATH: undefined });
    assert.deepEqual([Deno.env.get("UNIS_TEST"), Deno.env.get("PATH")], ["own", undefined]);
    assert.deepEqual([Deno.env.has("UNIS_TEST"), Deno.env.toObject().PATH], [false, path]);
  }
  assert.deepEqual([Deno.env.get("UNIS_TEST"), Deno.env.get("PATH")], [undefined, path]);
});

Deno.test("no test changes the variables or the folder of the process", () => {
  const changes = /\bDeno\.(env\.(set|delete)|chdir)\(|\bprocess\.(chdir\(|env\.\w+ =[^=])/;
  for (const path of sources(FOLDER)) {
    const text = Deno.readTextFileSync(path);
    const found = changes.exec(text);
    assert.equal(found?.[0], undefined, `${path}: tests/variables.ts and processes of one's own do without`);
  }
});

function* sources(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield path;
  }
}
