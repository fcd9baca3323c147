/** Defines the command `unis serve`. */
import type { Command } from "commander";
import type { ServeFlags } from "../serve.ts";
import { backend, device, wholeNumber } from "../options.ts";

export function defineServe(unis: Command): void {
  unis.command("serve")
    .description("answer over HTTP, on a page and for programs; see /openapi.json")
    .argument("<run>", "folder of the run")
    .option("--port <number>", "0 for any that is free", wholeNumber(0, 65535), 8000)
    .option("--host <address>", "where to listen; others than this machine only if you say so", "127.0.0.1")
    .option("--max-batch <number>", "samples that are computed together, at most", wholeNumber(1), 32)
    .option(
      "--wait <milliseconds>",
      "for which the first sample of a batch waits for others",
      wholeNumber(0),
      4,
    )
    .option("--max-queue <number>", "samples that wait, at most; then 429", wholeNumber(1), 256)
    .option("--max-body <bytes>", "of a request; then 413", wholeNumber(1), 32 * 2 ** 20)
    .option("--max-pixels <number>", "of an image; then 413", wholeNumber(1), 50_000_000)
    .option("--max-text <characters>", "of a text; then 413", wholeNumber(1), 100_000)
    .option("--uncalibrated", "probabilities as the heads give them, not by the temperatures of the run")
    .addOption(device())
    .addOption(backend())
    .action(async (folder: string, flags: ServeFlags) => {
      const { serve } = await import("../serve.ts");
      await serve(folder, flags);
    });
}
