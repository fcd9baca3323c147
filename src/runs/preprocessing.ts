/**
 * The folder `preprocessing` of a run: all that was fitted or chosen on its data, and the samples it was fitted on.
 *
 *     preprocessing.json        classes, how images are made, ranges of features, digests of the splits
 *     samples.csv               every sample: id, split, class, digest of its inputs
 *     <modality>/               tokenizer.json, tokenizer_config.json, or the files that came with a pretrained encoder
 */
import * as z from "zod";
import { UserError } from "../base/user_error.ts";
import { VERSION } from "../base/version.ts";
import { type Split, SPLITS } from "../data/batch.ts";
import type { IndexedSample } from "../data/index/sample_index.ts";
import { COLOUR_PATTERN } from "../data/images/colour.ts";
import { digestLines } from "../data/index/digests.ts";
import type { KeptSample } from "../data/index/reconcile.ts";
import type { ModalityPreprocessing, Preprocessing } from "../data/preprocessing.ts";
import { TARGETS, TASKS } from "../data/targets.ts";
import { loadTokenizer } from "../data/text/load_tokenizer.ts";
import { tokenizerFiles } from "../data/text/tokenizer_files.ts";
import { csvCell, readCsv } from "../io/csv.ts";
import { readJsonObject } from "../io/json_file.ts";
import { featureSchema, featuresFromFile, featuresToFile } from "./feature_file.ts";
import type { RunFolder } from "./run_folder.ts";

/** Rises when what is kept changes its meaning. */
const FORMAT = 1;
const HEADER = ["id", "split", "class", "digest"] as const;
const FOLDER = "preprocessing";
const FILE = `${FOLDER}/preprocessing.json`;
const SAMPLES = `${FOLDER}/samples.csv`;

/** Everything a run keeps of its data. */
export interface KeptData {
  readonly preprocessing: Preprocessing;
  /** In the order in which the run reads them. */
  readonly samples: readonly KeptSample[];
  /** Splits that the run drew from the training samples. */
  readonly drawn: readonly Split[];
}

const size = z.strictObject({ height: z.int().min(1), width: z.int().min(1) });
const channels = z.tuple([z.number(), z.number(), z.number()]);
const name = z.string();
const modalitySchema = z.discriminatedUnion("kind", [
  z.strictObject({
    name,
    kind: z.literal("image"),
    ...size.shape,
    /** Bytes become (byte / 255 - mean) / std, by channel. */
    mean: channels,
    std: channels,
    /** The colour that transparent pixels are laid over. */
    background: z.string().regex(COLOUR_PATTERN),
    preparation: z.strictObject({
      filter: z.enum(["bilinear", "bicubic"]),
      resize: z.union([size, z.strictObject({ shortest_edge: z.int().min(1) })]).optional(),
      crop: size.optional(),
    }),
    from_original: z.boolean(),
  }),
  z.strictObject({
    name,
    kind: z.literal("text"),
    max_tokens: z.int().min(3),
    is_fitted: z.boolean(),
    is_cleaned: z.boolean().default(false),
  }),
  featureSchema,
]);
/** How many samples a split has, and digests of their inputs and of their labels. */
const splitSchema = z.strictObject({ samples: z.int(), inputs: z.string(), labels: z.string() });
export type SplitSummary = z.infer<typeof splitSchema>;
const fileSchema = z.strictObject({
  version: z.literal(FORMAT),
  unis: z.string(),
  dataset: z.string(),
  /** Not there in classification. */
  task: z.enum(TASKS).optional(),
  scale: z.strictObject({ mean: z.number(), std: z.number().gt(0) }).optional(),
  classes: z.array(z.string()),
  modalities: z.array(modalitySchema),
  drawn: z.array(z.enum(SPLITS)),
  splits: z.strictObject({ train: splitSchema, validation: splitSchema, test: splitSchema }),
});
type PreprocessingFile = z.infer<typeof fileSchema>;

/** The name of a file of what belongs to one modality. */
export function modalityFile(modality: string, file: string): string {
  return `${FOLDER}/${modality}/${file}`;
}

/** The folder of what belongs to one modality. */
export function modalityFolder(run: RunFolder, modality: string): string {
  return run.files.path(`${FOLDER}/${modality}`);
}

/** Writes down what a run learned from; the files that come with pretrained encoders are in their folders already. */
export function writePreprocessing(run: RunFolder, kept: KeptData): void {
  const { preprocessing: { dataset, task, scale, classes, modalities }, samples, drawn } = kept;
  for (const modality of modalities) {
    if (modality.kind === "text") writeTokenizer(run, modality);
  }
  const rows = samples.map(({ id, split, label, digest }) => [id, split, label, digest]);
  const lines = [HEADER, ...rows].map((cells) => cells.map(csvCell).join(",") + "\n");
  run.files.writeText(SAMPLES, lines.join(""));
  const file: PreprocessingFile = {
    version: FORMAT,
    unis: VERSION,
    dataset,
    ...(task && { task }),
    ...(scale && { scale }),
    classes: [...classes],
    modalities: modalities.map(toFile),
    drawn: [...drawn],
    splits: Object.fromEntries(
      SPLITS.map((split) => [split, summariseSplit(samples, split)]),
    ) as PreprocessingFile["splits"],
  };
  run.files.writeJson(FILE, file);
}

/** The samples of a run as it keeps them, with labels that count those classes; `digests` has one for each. */
export function keptSamples(
  samples: readonly IndexedSample[],
  { task = "classification", classes }: Pick<Preprocessing, "task" | "classes">,
  digests: readonly string[],
): KeptSample[] {
  return samples.map((sample, i) => ({
    id: sample.id,
    split: sample.split,
    label: TARGETS[task].text(sample, classes),
    digest: digests[i]!,
  }));
}

/** Reads it back. Throws a UserError for a run of a version that kept nothing, or a file that is missing or damaged. */
export async function readPreprocessing(run: RunFolder): Promise<KeptData> {
  const path = run.files.path(FILE);
  if (!run.files.has(FILE)) {
    throw new UserError(
      `The run ${run.path} keeps nothing of what it learned from (it has no ${path}), as runs of unis before 0.2 do: ` +
        "train it anew, or use the version that made it",
    );
  }
  for (const name of run.files.namesIn(FOLDER)) run.files.whole(name);
  const value = readJsonObject(run.files.whole(FILE));
  if (typeof value.version === "number" && value.version > FORMAT) {
    throw new UserError(
      `The run ${run.path} was made by a newer unis (${value.unis}): use that, or a newer one`,
    );
  }
  const result = fileSchema.safeParse(value);
  if (!result.success) {
    const { path: key, message } = result.error.issues[0]!;
    throw new UserError(`Cannot use ${path}: ${key.join(".")}: ${message}`);
  }
  const { dataset, task, scale, classes, modalities, drawn, splits } = result.data;
  const samples = readSamples(run.files.whole(SAMPLES));
  for (const split of SPLITS) {
    const { inputs, labels } = summariseSplit(samples, split);
    if (inputs === splits[split].inputs && labels === splits[split].labels) continue;
    throw new UserError(
      `Cannot use ${path}: samples.csv beside it has other ${split} samples; one of them was changed`,
    );
  }
  const read: ModalityPreprocessing[] = [];
  for (const modality of modalities) read.push(await fromFile(run, modality));
  const targets = { ...(task && { task }), ...(scale && { scale }) };
  return { preprocessing: { dataset, ...targets, classes, modalities: read }, samples, drawn };
}

function toFile(modality: ModalityPreprocessing): PreprocessingFile["modalities"][number] {
  const { name, kind } = modality;
  if (kind === "text") {
    return {
      name,
      kind,
      max_tokens: modality.maxTokens,
      is_fitted: modality.isFitted,
      is_cleaned: modality.isCleaned,
    };
  }
  if (kind === "features") return featuresToFile(modality);
  const { height, width, mean, std, fromOriginal } = modality;
  const { background = "white", filter, resize, crop } = modality.preparation;
  return {
    name,
    kind,
    height,
    width,
    mean: [...mean],
    std: [...std],
    background,
    preparation: {
      filter,
      ...(resize && { resize: "height" in resize ? resize : { shortest_edge: resize.shortestEdge } }),
      ...(crop && { crop }),
    },
    from_original: fromOriginal,
  };
}

async function fromFile(
  run: RunFolder,
  modality: PreprocessingFile["modalities"][number],
): Promise<ModalityPreprocessing> {
  const { name, kind } = modality;
  if (kind === "text") {
    const tokenizer = await loadTokenizer(modalityFolder(run, name));
    return {
      name,
      kind,
      tokenizer,
      maxTokens: modality.max_tokens,
      isFitted: modality.is_fitted,
      isCleaned: modality.is_cleaned,
    };
  }
  if (kind === "features") return featuresFromFile(modality);
  const { height, width, mean, std, background, from_original } = modality;
  const { filter, resize, crop } = modality.preparation;
  return {
    name,
    kind,
    height,
    width,
    mean,
    std,
    preparation: {
      ...(background !== "white" && { background }),
      filter,
      ...(resize && { resize: "height" in resize ? resize : { shortestEdge: resize.shortest_edge } }),
      ...(crop && { crop }),
    },
    fromOriginal: from_original,
  };
}

/** Files that are there already came with a pretrained encoder and say more than we read of them, but for the longest text. */
function writeTokenizer(
  { files }: RunFolder,
  { name: modality, tokenizer, maxTokens }: Extract<ModalityPreprocessing, { readonly kind: "text" }>,
): void {
  for (const [file, own] of Object.entries(tokenizerFiles(tokenizer, maxTokens))) {
    const name = modalityFile(modality, file);
    if (!files.has(name)) files.writeJson(name, own);
    else if (file === "tokenizer_config.json") {
      files.writeJson(name, { ...readJsonObject(files.whole(name)), model_max_length: maxTokens });
    }
  }
}

/** Sums up the samples of a split, as `preprocessing.json` has it. */
export function summariseSplit(samples: readonly KeptSample[], split: Split): SplitSummary {
  const own = samples.filter((sample) => sample.split === split);
  return {
    samples: own.length,
    inputs: digestLines(own.map(({ digest }) => digest)),
    labels: digestLines(own.map(({ id, label }) => `${id} ${label}`)),
  };
}

/** Names the samples of a split as they are: eight hexadecimal digits. */
export function digestSplit(samples: readonly KeptSample[], split: Split): string {
  const own = samples.filter((sample) => sample.split === split);
  return digestLines(own.map(({ id, label, digest }) => JSON.stringify([id, label, digest]))).slice(0, 8);
}

/** The samples that a run keeps; undefined for a run of a version that kept none. */
export function readKeptSamples(run: RunFolder): KeptSample[] | undefined {
  return run.files.has(SAMPLES) ? readSamples(run.files.whole(SAMPLES)) : undefined;
}

function readSamples(path: string): KeptSample[] {
  const [header, ...rows] = readCsv(path);
  if (header?.cells.join() !== HEADER.join()) {
    throw new UserError(`Cannot use ${path}: its first line must be ${HEADER.join()}`);
  }
  return rows.map(({ line, cells: [id, split, label, digest] }) => {
    const known = SPLITS.find((one) => one === split);
    if (known === undefined || digest === undefined) {
      throw new UserError(`Cannot use ${path}, line ${line}: it is no sample of a split`);
    }
    return { id: id!, split: known, label: label!, digest };
  });
}
