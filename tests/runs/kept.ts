/** What a run on a small data set keeps of it. */
import { join } from "node:path";
import { type SampleDataset } from "../../src/data/dataset.ts";
import { TextModality } from "../../src/data/modalities.ts";
import type { ModalityPreprocessing } from "../../src/data/preprocessing.ts";
import { type KeptData, writePreprocessing } from "../../src/runs/preprocessing.ts";
import { SUMS } from "../../src/runs/run_files.ts";
import type { RunFolder } from "../../src/runs/run_folder.ts";

/** Takes a file from a run, as if it had never had it. */
export function forget(run: string, name: string): void {
  Deno.removeSync(join(run, name));
  const list = join(run, SUMS);
  const others = Deno.readTextFileSync(list).split("\n").filter((line) => !line.endsWith(`  ${name}`));
  Deno.writeTextFileSync(list, others.join("\n"));
}

/** Writes the preprocessing of a run that was trained on `data`, whose samples have digests that are made up. */
export function keepData(run: RunFolder, data: SampleDataset): KeptData {
  const modalities = data.parts.map((part): ModalityPreprocessing => {
    const { spec } = part;
    if (spec.kind === "image") {
      const { height, width } = spec;
      return { ...spec, preparation: { filter: "bilinear", resize: { height, width } }, fromOriginal: false };
    }
    if (spec.kind === "text" && part instanceof TextModality) {
      const { name, kind, maxTokens } = spec;
      return { name, kind, tokenizer: part.tokenizer, maxTokens, isFitted: true, isCleaned: false };
    }
    throw new TypeError(`${spec.name} is ${spec.kind}`);
  });
  const kept: KeptData = {
    preprocessing: { dataset: data.name, classes: data.classes, modalities },
    samples: (["train", "validation", "test"] as const).flatMap((split) =>
      Array.from({ length: data.count(split) }, (_, row) => ({
        id: data.id(split, row),
        split,
        label: data.classes[data.label(split, row)]!,
        digest: `${split}${row}`,
      }))
    ),
    drawn: [],
  };
  writePreprocessing(run, kept);
  return kept;
}
