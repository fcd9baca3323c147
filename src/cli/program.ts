/** The command line: its commands, a file each, and the exit status. */
import { Command } from "commander";
import { describeError, EXIT } from "../app/errors.ts";
import { VERSION } from "../base/version.ts";
import { defineTrain } from "./commands/train.ts";
import { defineTune } from "./commands/tune.ts";
import { defineData } from "./commands/data.ts";
import { defineExperiment } from "./commands/experiment.ts";
import { defineEvaluate } from "./commands/evaluate.ts";
import { definePredict } from "./commands/predict.ts";
import { defineServe } from "./commands/serve.ts";
import { defineReport } from "./commands/report.ts";
import { defineExport } from "./commands/export.ts";
import { defineDoctor } from "./commands/doctor.ts";

/** In the order of the help. */
const COMMANDS: readonly ((unis: Command) => void)[] = [
  defineTrain,
  defineTune,
  defineData,
  defineExperiment,
  defineEvaluate,
  definePredict,
  defineServe,
  defineReport,
  defineExport,
  defineDoctor,
];

/** Runs a command line, such as `["train", "--epochs", "3"]`, and gives the exit status. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...args], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    const { line, status } = describeError(error);
    if (line !== undefined) console.error(`unis: ${line}`);
    if (args.includes("--debug")) console.error(Deno.inspect(error));
    return status;
  }
}

function program(): Command {
  const unis = new Command("unis")
    .description("Multimodal classification by unimodality-supervised contrastive learning, on WebGPU")
    .version(VERSION);
  // Commands inherit both, so they come first; what is wrong is told by `run`, in one line.
  unis.exitOverride().configureOutput({ outputError: () => {} });
  for (const define of COMMANDS) define(unis);
  return unis;
}
