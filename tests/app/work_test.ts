/** Work that fails as it begins leaves nothing behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { resume, SMALL_TEXT, trainOnTable, writeTable } from "./small_runs.ts";

Deno.test("work whose session cannot be written down frees its run and its memory", async () => {
  using folder = temporaryFolder();
  const gpu = await openTestGpu();
  const rows = Array.from({ length: 24 }, (_, i) => [`a ${"xyz"[i % 3]} thing`, "xyz"[i % 3]!]);
  writeTable(join(folder.path, "items.csv"), [["title", "label"], ...rows]);
  const path = await trainOnTable(gpu, folder.path, [...SMALL_TEXT, "method=text"]);
  const { live } = gpu.memory;
  Deno.writeTextFileSync(join(path, "environment.json"), "{}\n");
  await assert.rejects(resume(gpu, path, 3), /environment\.json is damaged/);
  assert.equal(gpu.memory.live, live);
  RunFolder.open(path).hold()[Symbol.dispose](); // throws where another has it
  gpu.destroy();
});
