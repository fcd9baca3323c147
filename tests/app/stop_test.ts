/** Signals ask for an orderly end, once; a second may end the process, so that those are sent to processes of their own. */
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

const STOP = new URL("../../src/app/stop.ts", import.meta.url);
/** Says when it may be signalled and what it has heard, and ends by itself after a while. */
const PROGRAM = `const { Stop } = await import("${STOP}");
const stop = new Stop(() => console.log("asked"));
console.log("ready");
setTimeout(() => Deno.exit(0), 2500);`;

for (
  const [what, pause, expected] of [
    ["that comes to a process group, and so twice, is one", 20, 0],
    ["that comes again after more than a second ends at once", 1100, 130],
  ] as const
) {
  Deno.test({
    name: `a signal ${what}`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      Promise.all((["SIGINT", "SIGTERM"] as const).map(async (signal) => {
        const process = new Deno.Command(Deno.execPath(), {
          args: ["eval", PROGRAM],
          stdout: "piped",
        }).spawn();
        const words = process.stdout.pipeThrough(new TextDecoderStream()).values();
        assert.match((await words.next()).value!, /ready/);
        process.kill(signal);
        assert.match((await words.next()).value!, /asked/);
        await new Promise((resume) => setTimeout(resume, pause));
        process.kill(signal);
        assert.equal((await process.status).code, expected, signal);
        await words.return!();
      })).then(() => {}),
  });
}
