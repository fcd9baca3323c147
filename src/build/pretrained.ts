/** Pretrained encoders in a run: chosen, their small files kept with the run, their weights loaded. */
import { join, resolve } from "node:path";
import { loadPreprocessor } from "../data/images/preprocessor.ts";
import { loadTokenizer } from "../data/text/load_tokenizer.ts";
import { type EncoderConfig as HubConfig, readEncoderConfig } from "./hf_config.ts";
import { type DownloadProgress, resolveModel } from "../io/hub.ts";
import { candidates } from "../io/hub_files.ts";
import { UserError } from "../base/user_error.ts";
import type { RunConfig } from "../config/run_config.ts";
import { hasInputs } from "../config/data_config.ts";
import { modalityFolder } from "../runs/preprocessing.ts";
import type { RunFolder } from "../runs/run_folder.ts";
import { makeFolder } from "../io/files.ts";

/** What a pretrained encoder reads. */
export type Reads = "image" | "text";

/** A folder or an id of the hub, `id@revision` to pin one, for each kind of input that gets a pretrained encoder. */
export type Wanted = Readonly<Partial<Record<Reads, string>>>;

export interface Chosen {
  readonly config: RunConfig;
  /** Where the files of each modality's encoder are. */
  readonly folders: ReadonlyMap<string, string>;
}

const TYPES: Readonly<Record<Reads, readonly string[]>> = { image: ["vit"], text: ["bert", "roberta"] };

/**
 * Fine-tuning wants smaller steps than training from scratch; these are those of the paper's published configuration. A
 * preset made for fine-tuning has smaller ones still.
 */
const FINE_TUNING_RATE = 5e-5;

/**
 * A preset with the encoders of the modalities replaced by pretrained ones: their architecture, image size and
 * normalisation, and learning rates for fine-tuning. Downloads what is not at hand. Throws a UserError that names the
 * model and what is wrong with it.
 */
export async function choosePretrained(
  preset: RunConfig,
  wanted: Wanted,
  progress: DownloadProgress,
): Promise<Chosen> {
  const config = structuredClone(preset);
  const folders = new Map<string, string>();
  for (const [reads, source] of Object.entries(wanted) as [Reads, string][]) {
    const modalities = modalitiesThatRead(reads, config);
    const [id, revision] = splitRevision(source);
    const kinds = ["weights", reads === "image" ? "preprocessor" : "tokenizer"] as const;
    const { folder, commit } = await resolveModel(id, { kinds, revision, progress });
    const encoder = reads === "image"
      ? await imageEncoder(folder, config)
      : await textEncoder(folder, config);
    if (!TYPES[reads].includes(encoder.model_type)) {
      throw new UserError(
        `--${reads}-encoder ${source} is a ${encoder.model_type}, but ${reads}s are read by ${
          TYPES[reads].join(" or ")
        }`,
      );
    }
    const { image_size: _, num_channels: __, ...fields } = { image_size: 0, num_channels: 0, ...encoder };
    for (const modality of modalities) {
      config.model.encoders[modality] = {
        ...fields,
        frozen: false,
        pretrained: { source: id, commit: commit ?? null },
      } as RunConfig["model"]["encoders"][string];
      const { encoder_learning_rate } = config.optimizer;
      config.optimizer.learning_rates[modality] = Math.min(FINE_TUNING_RATE, encoder_learning_rate);
      folders.set(modality, folder);
    }
  }
  return { config, folders };
}

/** Modalities of one kind each begin with a copy of the pretrained weights. */
function modalitiesThatRead(reads: Reads, { model }: RunConfig): string[] {
  const found = Object.entries(model.encoders).filter(([, { model_type }]) =>
    TYPES[reads].includes(model_type)
  );
  if (found.length === 0) {
    throw new UserError(`Cannot use --${reads}-encoder: no modality of the preset is ${reads}`);
  }
  return found.map(([name]) => name);
}

/** `id@revision`, or a folder, whose name may hold an @ too: its absolute path, so that it is found from anywhere later. */
function splitRevision(source: string): [string, string | undefined] {
  if (isFolder(source)) return [resolve(source), undefined];
  const at = source.lastIndexOf("@");
  if (at < 1) return [source, undefined];
  return [source.slice(0, at), source.slice(at + 1)];
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

async function imageEncoder(folder: string, { data }: RunConfig): Promise<HubConfig> {
  const { spec: { height, width, mean, std } } = await loadPreprocessor(folder);
  if (height !== width) {
    throw new UserError(`${folder} expects images of ${height} x ${width}: only square ones are supported`);
  }
  if (hasInputs(data)) {
    data.image_size = height;
    data.image_mean = [...mean];
    data.image_std = [...std];
  }
  return readEncoderConfig(folder, { image_size: height });
}

async function textEncoder(folder: string, { data }: RunConfig): Promise<HubConfig> {
  const encoder = readEncoderConfig(folder);
  if (!("vocab_size" in encoder)) return encoder;
  const { vocabularySize, maxTokens = Infinity } = await loadTokenizer(folder);
  if (vocabularySize > encoder.vocab_size) {
    throw new UserError(
      `${folder}: the tokenizer has ${vocabularySize} tokens, but vocab_size in config.json is ${encoder.vocab_size}`,
    );
  }
  // RoBERTa counts positions from the one after padding.
  const positions = encoder.max_position_embeddings -
    (encoder.model_type === "roberta" ? encoder.pad_token_id + 1 : 0);
  if (hasInputs(data) && data.max_tokens !== null) {
    data.max_tokens = Math.min(data.max_tokens, positions, maxTokens);
  }
  return encoder;
}

/** The folders of the encoders that a configuration names and learns from, found again: for a run that was cut before it saved any weights. */
export async function findPretrained(
  { method, model }: RunConfig,
  progress: DownloadProgress,
): Promise<Map<string, string>> {
  const folders = new Map<string, string>();
  for (const [modality, encoder] of Object.entries(model.encoders)) {
    if (!("pretrained" in encoder) || encoder.pretrained === undefined) continue;
    if (method in model.encoders && method !== modality) continue;
    const { source, commit } = encoder.pretrained;
    const { folder } = await resolveModel(source, {
      kinds: ["weights"],
      revision: commit ?? undefined,
      progress,
    });
    folders.set(modality, folder);
  }
  return folders;
}

/**
 * Copies the small files of encoders into the preprocessing of a run, which then needs those of the model no more.
 */
export function keepEncoderFiles(run: RunFolder, folders: ReadonlyMap<string, string>): void {
  for (const [modality, folder] of folders) {
    const target = modalityFolder(run, modality);
    makeFolder(target);
    for (const name of candidates(["tokenizer", "preprocessor"])) {
      try {
        Deno.copyFileSync(join(folder, name), join(target, name));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
}
