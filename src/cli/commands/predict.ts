/** Defines the command `unis predict`. */
import type { Command } from "commander";
import type { PredictFlags } from "../predict.ts";
import { backend, choice, device, roots, wholeNumber } from "../options.ts";

export function definePredict(unis: Command): void {
  unis.command("predict")
    .description("answer for new samples: a table, standard input, or one sample")
    .argument("<run>", "folder of the run")
    .argument("[input]", "- for standard input: CSV with a header, or one JSON object a line")
    .option(
      "--data <file>",
      "a .csv, .tsv, .jsonl, .parquet or .tar file, or a folder of them; it needs no labels",
    )
    .option("--images <folder>", "the folder that paths in the table count from (default: that of the table)")
    .addOption(roots())
    .option("--image <file>", "one sample: its image")
    .option("--text <text>", "one sample: its text")
    .option(
      "--features <numbers>",
      "one sample: its numbers, with commas between them; with semicolons where decimals have commas",
    )
    .option(
      "--input <modality=value...>",
      "one sample, where modalities have other names or there are several of a kind",
    )
    .option(
      "--column <modality=column...>",
      "the column of a modality, where the table is not laid out as in training",
    )
    .option("--encoding <name>", "of a table that is neither UTF-8 nor as the run's own: latin1, utf-16, …")
    .option("--delimiter <character>", "what parts the cells of a table, where it is not found rightly")
    .option("--label <column>", "the column of the class, where there is one: measures are printed as well")
    .option("--id <column>", "the column that names rows among embeddings")
    .option("--out <file>", "a .csv or .jsonl file; else a table is printed")
    .addOption(
      choice("--format <name>", "whatever the name of the output", ["csv", "jsonl", "table"]),
    )
    .option("--top <number>", "so many of the likeliest classes", wholeNumber(1), 1)
    .option("--proba", "the probability of every class")
    .option("--uncalibrated", "probabilities as the heads give them, not by the temperatures of the run")
    .option("--explain", "what each modality adds to the answer, and which words and patches weigh most")
    .option("--heat-maps <folder>", "the same, with a PNG of every image that shows its patches")
    .option("--embeddings <file>", "write representations too, as .safetensors or .npy")
    .option("--skip-bad", "leave out rows that cannot be used, and name them")
    .option(
      "--batch <number>",
      "samples that go through the model at once (default: as in the run's evaluation)",
      wholeNumber(1),
    )
    .addOption(device())
    .addOption(backend())
    .action(async (folder: string, input: string | undefined, flags: PredictFlags) => {
      const { predict } = await import("../predict.ts");
      await predict(folder, input, flags);
    });
}
