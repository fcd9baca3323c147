/** Signals ask for an orderly end, once; SIGINT would end the tests, and tests/cli/run_test.ts sends it. */
import assert from "node:assert/strict";
import { Stop } from "../../src/app/stop.ts";

// Not SIGUSR1, which would open Deno's debugger.
for (const [signal, times] of [["SIGTERM", 1], ["SIGUSR2", 2]] as const) {
  Deno.test({
    name: `${signal} asks for an end${times > 1 ? ", and may come again" : ""}`,
    ignore: Deno.build.os === "windows",
    async fn() {
      let said = 0, heard = 0;
      const count = () => heard++;
      Deno.addSignalListener(signal, count);
      using stop = new Stop(() => said++, "Stopping");
      for (let sent = 1; sent <= times; sent++) {
        assert.equal(stop.signal.aborted, sent > 1);
        Deno.kill(Deno.pid, signal);
        while (heard < sent) await new Promise((resume) => setTimeout(resume, 5));
      }
      Deno.removeSignalListener(signal, count);
      assert.equal(stop.signal.aborted, true);
      assert.equal(said, 1);
    },
  });
}
