/** The command line: subcommands, flags, exit status. */
import { Command, InvalidArgumentError, Option } from "commander";
import { PRESETS } from "../config/presets.ts";
import { describeSwitch } from "../config/method_config.ts";
import type { InputKind } from "../models/encoders/inputs.ts";
import { pretrainedTypes } from "../models/encoders/registry.ts";
import { methods } from "../models/methods/registry.ts";
import { VERSION } from "../base/version.ts";
import type { VerifyFlags } from "./data.ts";
import { describeError, EXIT } from "../app/errors.ts";
import type { DoctorFlags } from "./doctor.ts";
import type { EvaluateFlags } from "./evaluate.ts";
import type { ExperimentFlags } from "./experiment.ts";
import type { ExportFlags } from "./export.ts";
import type { PredictFlags } from "./predict.ts";
import type { ReportFlags } from "./report.ts";
import type { ServeFlags } from "./serve.ts";
import type { TrainFlags } from "./train.ts";
import type { TuneFlags } from "./tune.ts";

const DATA = "emoji, or food101:, n24news:, features: or table: with the path of the folder or file";

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

  withConfigFlags(unis.command("train").description("train a model, then test it"))
    .option("--skip-bad", "verify the data first, and train without faulty samples")
    .option("--seed <number>", "of weights, order, augmentation and dropout", wholeNumber(0))
    .option("--epochs <number>", "passes over the training samples, at most", wholeNumber(1))
    .option("--out <folder>", "folder of the run (default: runs/<preset>-<method>-<seed>-<time>)")
    .option("--resume <run>", "go on with a run from its last checkpoint")
    .option("--accept-changed-data", "with --resume: go on although the data changed since the run began")
    .option(
      "--profile [steps]",
      "instead of training, time every kernel over some steps (5 if not said), print the table, write profile.json and end",
      wholeNumber(1),
    )
    .option("--debug", "show the trace of an error")
    .action(async (flags: TrainFlags, command: Command) => {
      const { train } = await import("./train.ts"); // takes a moment to load, which help should not wait for
      await train(flags, typed(flags, command));
    });

  withConfigFlags(
    unis.command("tune").description(
      "measure the ways to compute a training step, and keep the best for this adapter",
    ),
  )
    .option("--run <run>", "for the step of a run, in place of the flags above")
    .option("--debug", "show the trace of an error")
    .action(async (flags: TuneFlags, command: Command) => {
      const { tune } = await import("./tune.ts");
      await tune(flags, typed(flags, command));
    });

  unis.command("data").description("look after data sets").command("verify")
    .description("look for faults: counts, missing and unreadable images, empty texts, labels, ids, leakage")
    .requiredOption("--data <name:path>", DATA)
    .option("--set <key=value...>", "settings of the data, as for train")
    .option("--partial", "do not compare with the counts of the published data set")
    .option("--json", "print all of it as JSON")
    .option("--debug", "show the trace of an error")
    .addHelpText(
      "after",
      "\nPaths in a data set count from its folder and stay in it as they are written; links in it are followed.",
    )
    .action(async (flags: VerifyFlags) => {
      const { verify } = await import("./data.ts");
      await verify(flags);
    });

  unis.command("experiment")
    .description("make all runs of a file, skipping what is done, and the tables of their results")
    .argument("<file>", "YAML or JSON, such as those in scripts/experiments")
    .option("--dry-run", "try all runs on a few samples, in a folder that is removed")
    .option("--out <folder>", "folder of the experiment (default: runs/<name of the file>)")
    .addOption(device())
    .option("--data <name[:path]>", "instead of the data of the file, as for train")
    .option("--image-encoder <model>", "instead of those of the file, as for train")
    .option("--text-encoder <model>", "instead of those of the file, as for train")
    .option("--set <key=value...>", "change settings of all runs, as for train")
    .option("--debug", "show the traces of errors")
    .action(async (file: string, flags: ExperimentFlags) => {
      const { experiment } = await import("./experiment.ts");
      await experiment(file, flags);
    });

  unis.command("evaluate")
    .description("evaluate the best weights of a run")
    .argument("<run>", "folder of the run")
    .addOption(
      new Option("--split <name>", "samples to evaluate on").choices(["test", "validation", "train"]).default(
        "test",
      ),
    )
    .option("--data <file>", "a .csv, .tsv or .jsonl file with labels, in place of a split of the run's data")
    .option("--predictions <file>", "write what every head says as CSV")
    .addOption(device())
    .option("--debug", "show the trace of an error")
    .action(async (folder: string, flags: EvaluateFlags) => {
      const { evaluate } = await import("./evaluate.ts");
      await evaluate(folder, flags);
    });

  unis.command("predict")
    .description("answer for new samples: a table, standard input, or one sample")
    .argument("<run>", "folder of the run")
    .argument("[input]", "- for standard input: CSV with a header, or one JSON object a line")
    .option("--data <file>", "a .csv, .tsv or .jsonl file; it needs no labels")
    .option("--image <file>", "one sample: its image")
    .option("--text <text>", "one sample: its text")
    .option("--features <numbers>", "one sample: its numbers, with commas between them")
    .option(
      "--input <modality=value...>",
      "one sample, where modalities have other names or there are several of a kind",
    )
    .option(
      "--column <modality=column...>",
      "the column of a modality, where the table is not laid out as in training",
    )
    .option("--label <column>", "the column of the class, where there is one: measures are printed as well")
    .option("--id <column>", "the column that names rows among embeddings")
    .option("--out <file>", "a .csv or .jsonl file; else a table is printed")
    .addOption(
      new Option("--format <name>", "whatever the name of the output").choices(["csv", "jsonl", "table"]),
    )
    .option("--top <number>", "so many of the likeliest classes", wholeNumber(1), 1)
    .option("--proba", "the probability of every class")
    .option("--embeddings <file>", "write representations too, as .safetensors or .npy")
    .option("--skip-bad", "leave out rows that cannot be used, and name them")
    .option(
      "--batch <number>",
      "samples that go through the model at once (default: as in the run's evaluation)",
      wholeNumber(1),
    )
    .addOption(device())
    .option("--debug", "show the trace of an error")
    .action(async (folder: string, input: string | undefined, flags: PredictFlags) => {
      const { predict } = await import("./predict.ts");
      await predict(folder, input, flags);
    });

  unis.command("serve")
    .description("answer over HTTP, on a page and for programs; see /openapi.json")
    .argument("<run>", "folder of the run")
    .option("--port <number>", "0 for any that is free", wholeNumber(0), 8000)
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
    .addOption(device())
    .option("--debug", "show the trace of an error")
    .action(async (folder: string, flags: ServeFlags) => {
      const { serve } = await import("./serve.ts");
      await serve(folder, flags);
    });

  unis.command("report")
    .description("write a run, or an experiment, as one HTML page of curves, maps and samples")
    .argument("<run|experiment>", "folder of the run or experiment")
    .option("--out <file>", "the page (default: report.html in the folder)")
    .option("--points <number>", "of a map, at most (default: 500, in experiments 300)", wholeNumber(4))
    .option("--figures <folder>", "also write every figure as SVG and its data as CSV")
    .addOption(device())
    .option("--debug", "show the trace of an error")
    .action(async (folder: string, flags: ReportFlags) => {
      const { report } = await import("./report.ts");
      await report(folder, flags);
    });

  unis.command("export")
    .description("write the encoders of a run as transformers loads them, and its heads")
    .argument("<run>", "folder of the run")
    .requiredOption("--to <folder>", "folder to write into, new or empty")
    .option("--debug", "show the trace of an error")
    .action(async (folder: string, flags: ExportFlags) => {
      const { exportCommand } = await import("./export.ts");
      await exportCommand(folder, flags);
    });

  unis.command("doctor")
    .description("say what this machine trains on and how fast, what is wrong with it, and what helps")
    .option("--json", "print all of it as JSON")
    .option("--debug", "show the trace of an error")
    .action(async (flags: DoctorFlags) => {
      const { doctor } = await import("./doctor.ts");
      await doctor(flags);
    });
  return unis;
}

/** The names of the flags that were typed. */
function typed(flags: object, command: Command): string[] {
  return Object.keys(flags).filter((name) => command.getOptionValueSource(name) === "cli");
}

/** Adds the flags that say what is trained. */
function withConfigFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--preset <name>", "hyper-parameters to begin with").choices(Object.keys(PRESETS)).default(
        "emoji",
      ),
    )
    .option("--data <name[:path]>", DATA)
    .option(
      "--image-encoder <model>",
      `${pretrained("image")}: a folder, or an id of the Hugging Face hub (id@revision)`,
    )
    .option("--text-encoder <model>", `${pretrained("text")}: a folder or an id, as above`)
    .option(
      "--method <name>",
      `${methods().map(({ name }) => name).join(", ")}; or the name of a modality, to learn from that alone`,
    )
    .option("--no-semi", describeSwitch("semi_positive"))
    .option("--no-negative", describeSwitch("negative"))
    .option("--symmetric", describeSwitch("symmetric"))
    .addOption(
      new Option("--semantics <name>", "losses and training as in the paper, or as in its authors' code")
        .choices([
          "paper",
          "authors",
        ]),
    )
    .addOption(device())
    .option(
      "--micro-batch <number|auto>",
      "samples that go through the model at once; auto: what memory allows",
    )
    .addOption(
      new Option("--precision <type>", "of activations and matrix products; f16 takes half the memory")
        .choices(["f32", "f16"]),
    )
    .option("--checkpointing", "compute activations twice, and keep few of them")
    .option("--set <key=value...>", "change single settings, such as optimizer.weight_decay=0");
}

/** `pretrained BERT or RoBERTa` */
function pretrained(kind: InputKind): string {
  const titles = pretrainedTypes(kind).map(({ title }) => title.replace(/^an? /, ""));
  return `pretrained ${titles.join(" or ")}`;
}

function device(): Option {
  return new Option("--device <kind>", "gpu refuses a software adapter, cpu asks for one")
    .choices(["auto", "gpu", "cpu"]).default("auto");
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    }
    return value;
  };
}
