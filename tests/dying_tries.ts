/** Stands in for the process of tries: it ends at try 2, with the signal of its own, after words of its own. */
import { answer } from "../scripts/torture/answers.ts";
import type { Told, Tries } from "../scripts/torture/one_class.ts";

const tell = (told: Told) => answer(told);
const { name, numbers }: Tries = JSON.parse(await new Response(Deno.stdin.readable).text());
if (name === "unprepared") throw new Error("no disk is left");
tell({ kind: "ready" });
for (const number of numbers) {
  if (number === 2) {
    console.error("corrupted size");
    Deno.kill(Deno.pid, "SIGKILL");
  }
  tell({ kind: "ended", number, outcome: { how: "noticed" } });
}
tell({ kind: "over", processorSeconds: 1 });
if (name === "crashing at its end") Deno.exit(3);
