/** The flag --backend: what is said where Dawn cannot be had, and what `auto` does then. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { findBackend, loadDawn } from "../../src/app/backend.ts";
import { findDawn } from "../backend.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const { tasks } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));

/** The program with the permissions of its task and `more`. */
function unis(args: readonly string[], ...more: string[]) {
  const flags = (tasks.unis as string).match(/--(?:no-prompt|ignore-env|allow-\S+)/g)!;
  const { code, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, ...more, join(ROOT, "main.ts"), ...args],
    env: { NO_COLOR: "1" },
  }).outputSync();
  return { code, errors: new TextDecoder().decode(stderr).trim() };
}

Deno.test("of Dawn that is not there it is told where it would come from", async () => {
  const folder = Deno.makeTempDirSync();
  assert.equal(
    await loadDawn(join(folder, "/")),
    "Dawn is not in .deno/dawn of a checkout, where sh scripts/run.sh puts it",
  );
  Deno.removeSync(folder);
});

Deno.test("where Dawn cannot be loaded, --backend dawn ends in one line with status 2", () => {
  const { code, errors } = unis(["train", "--backend", "dawn"]);
  assert.equal(code, 2, errors);
  assert.match(errors, /^unis: Cannot use --backend dawn: .*sh scripts\/run\.sh( grants| puts it).*$/);
});

const dawn = await findDawn();
Deno.test({
  name: "auto takes Dawn where it has an adapter",
  ignore: typeof dawn === "string",
  async fn() {
    assert.equal(await findBackend("auto", (note) => assert.fail(note)), dawn);
  },
});
