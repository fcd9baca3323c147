// A driver that a worker used stays loaded where the main thread holds it; unloaded by the worker's end, it made the end of the
// program fail now and then.
import assert from "node:assert/strict";

const PROGRAM = new URL("ending_worker.ts", import.meta.url).pathname;

Deno.test({
  name: "the driver of a worker that ended stays loaded where the main thread holds it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", PROGRAM],
    }).output();
    const text = new TextDecoder();
    assert.ok(success, text.decode(stderr));
    assert.equal(text.decode(stdout).trim(), "true");
  },
});
