// A driver that a worker used stays loaded where the main thread holds it; unloaded by the worker's end, it made the end of the
// program fail now and then.
import assert from "node:assert/strict";

const PROGRAM = new URL("ending_worker.ts", import.meta.url).pathname;

async function isLoadedAfter(how: string): Promise<boolean> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, how],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim() === "true";
}

Deno.test({
  name: "the driver of a worker that ended stays loaded where the main thread holds it, and only there",
  ignore: Deno.build.os !== "linux",
  fn: async () => assert.deepEqual(await Promise.all(["held", "let go"].map(isLoadedAfter)), [true, false]),
});
