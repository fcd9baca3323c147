/** Pretrained encoders in a run: they are chosen, found again, and their small files are kept with the run. */
import { join, resolve } from "node:path";
import { loadTokenizer } from "../data/text/load_tokenizer.ts";
import { readEncoderConfig } from "./hf_config.ts";
import { PREPROCESSOR, preprocessorContent, preprocessorOf } from "./image_preprocessor.ts";
import { readBytes } from "../io/file_bytes.ts";
import { type DownloadProgress, resolveModel } from "../io/hub.ts";
import { candidates, type FileKind } from "../io/hub_files.ts";
import { UserError } from "../base/user_error.ts";
import type { RunConfig } from "../config/run_config.ts";
import { hasInputs } from "../config/data_config.ts";
import { namedEncoders } from "../config/encoder_config.ts";
import { resolveMethod } from "../config/method_config.ts";
import type { EncoderConfig, EncoderType } from "../models/encoders/encoder.ts";
import type { InputKind } from "../models/encoders/inputs.ts";
import { encoderType, pretrainedTypes, readsOnly } from "../models/encoders/registry.ts";
import { methods } from "../models/methods/registry.ts";
import { modalityFile } from "../runs/preprocessing.ts";
import type { RunFolder } from "../runs/run_folder.ts";
import { exists, isFolder } from "../io/files.ts";

/** What a pretrained encoder reads in the place of those of a configuration: one kind of input, or images and texts jointly. */
export type Reads = "image" | "text" | "joint";

/** A folder or an id of the hub, `id@revision` to pin one, for each kind of input that gets a pretrained encoder. */
export type Wanted = Readonly<Partial<Record<Reads, string>>>;

/** What is fetched of a pretrained encoder: all that training takes, or what the configuration takes from it. */
export type Fetched = "all" | "configuration";

export interface Chosen {
  readonly config: RunConfig;
  /** The folder with the files of each pretrained encoder, by the encoder's name. */
  readonly folders: ReadonlyMap<string, string>;
}

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
  fetched: Fetched = "all",
): Promise<Chosen> {
  const config = structuredClone(preset);
  const folders = new Map<string, string>();
  if (wanted.joint !== undefined && Object.keys(wanted).length > 1) {
    throw new UserError("--joint-encoder reads images and texts both: give no other encoder with it");
  }
  for (const [reads, source] of Object.entries(wanted) as [Reads, string][]) {
    const inputs = reads === "joint" ? inputsOf(config) : undefined;
    const names = inputs === undefined ? encodersThatRead(reads as InputKind, config) : ["joint"];
    const [id, revision] = splitRevision(source);
    const { files, reads: kindsRead, adopt } = ADOPTION[reads];
    const kinds: FileKind[] = fetched === "all" ? ["weights", ...files] : [...files];
    const { folder, commit } = await resolveModel(id, { kinds, revision, progress });
    const encoder = await adopt(folder, config);
    const type = encoderType(encoder.model_type);
    const known = pretrainedTypes(kindsRead);
    if (!known.includes(type)) {
      throw new UserError(
        `--${reads}-encoder ${source} is a ${type.model_type}, but ${WORDS[reads]} are read by ${
          known.map(({ model_type }) => model_type).join(" or ")
        }`,
      );
    }
    if (inputs !== undefined) beginJointly(config, type);
    const fields = Object.entries(encoder).filter(([name]) => type.fields[name]?.setting !== "derived");
    for (const name of names) {
      config.model.encoders[name] = {
        ...Object.fromEntries(fields),
        model_type: type.model_type,
        frozen: false,
        pretrained: { source: id, commit: commit ?? null },
        ...(inputs !== undefined && { inputs }),
      };
      const { encoder_learning_rate } = config.optimizer;
      config.optimizer.learning_rates[name] = Math.min(FINE_TUNING_RATE, encoder_learning_rate);
      folders.set(name, folder);
    }
  }
  return { config, folders };
}

const WORDS: Readonly<Record<Reads, string>> = {
  image: "images",
  text: "texts",
  joint: "images and texts together",
};

/** The modalities that a joint encoder reads: the first of images and the first of texts. */
function inputsOf(config: RunConfig): Record<string, string> {
  return { image: encodersThatRead("image", config)[0]!, text: encodersThatRead("text", config)[0]! };
}

/** Takes encoders of single modalities out, and has the method be one that learns by a joint encoder of this kind alone. */
function beginJointly(config: RunConfig, type: EncoderType): void {
  config.model.encoders = {};
  config.optimizer.learning_rates = {};
  config.optimizer.weight_decays = {};
  config.method =
    methods().find(({ encoder }) => encoder !== undefined && encoderType(encoder) === type)?.name ?? "joint";
}

/** Lists the encoders of one kind of input: each begins with a copy of the pretrained weights. */
function encodersThatRead(reads: InputKind, { model }: RunConfig): string[] {
  const found = namedEncoders(model.encoders).filter(({ type }) => readsOnly(type, reads));
  if (found.length === 0) {
    throw new UserError(`Cannot use --${reads}-encoder: no modality of the preset is ${reads}`);
  }
  return found.map(({ name }) => name);
}

/** `id@revision`, or a folder, whose name may hold an @ too: its absolute path, so that it is found from anywhere later. */
function splitRevision(source: string): [string, string | undefined] {
  if (isFolder(source)) return [resolve(source), undefined];
  const at = source.lastIndexOf("@");
  if (at < 1) return [source, undefined];
  return [source.slice(0, at), source.slice(at + 1)];
}

/** The files that come with encoders of each kind of input, and the way a configuration takes over what they say. */
const ADOPTION: Readonly<
  Record<Reads, {
    readonly reads: readonly InputKind[];
    readonly files: readonly FileKind[];
    readonly adopt: (folder: string, config: RunConfig) => EncoderConfig | Promise<EncoderConfig>;
  }>
> = {
  image: {
    reads: ["image"],
    files: ["preprocessor"],
    adopt: (folder, config) => adoptPreprocessor(folder, config, "image"),
  },
  text: {
    reads: ["text"],
    files: ["tokenizer"],
    adopt: (folder, config) => adoptTokenizer(folder, config, "text"),
  },
  joint: {
    reads: ["image", "text"],
    files: ["preprocessor", "tokenizer"],
    async adopt(folder, config) {
      const { image_size = null } = adoptPreprocessor(folder, config);
      return { ...await adoptTokenizer(folder, config), ...(image_size !== null && { image_size }) };
    },
  },
};

/** Images become as large as the encoder expects them, and are normalised as it says. */
function adoptPreprocessor(folder: string, { data }: RunConfig, reads?: InputKind): EncoderConfig {
  const type = encoderType(readEncoderConfig(folder, {}, reads).model_type);
  const { spec: { height, width, mean, std } } = preprocessorOf(folder, type);
  if (height !== width) {
    throw new UserError(`${folder} expects images of ${height} x ${width}: only square ones are supported`);
  }
  if (hasInputs(data)) {
    data.image_size = height;
    data.image_mean = [...mean];
    data.image_std = [...std];
  }
  return readEncoderConfig(folder, { image_size: height }, reads);
}

/** Texts become no longer than the encoder and its tokenizer take them. */
async function adoptTokenizer(
  folder: string,
  { data }: RunConfig,
  reads?: InputKind,
): Promise<EncoderConfig> {
  const encoder = readEncoderConfig(folder, {}, reads);
  const type = encoderType(encoder.model_type);
  if (type.longestText === undefined) return encoder; // what it reads instead of texts is told by whoever asked
  const { vocabularySize, maxTokens = Infinity } = await loadTokenizer(folder);
  if (vocabularySize > Number(encoder.vocab_size)) {
    throw new UserError(
      `${folder}: the tokenizer has ${vocabularySize} tokens, but vocab_size in config.json is ${encoder.vocab_size}`,
    );
  }
  if (hasInputs(data) && data.max_tokens !== null) {
    data.max_tokens = Math.min(data.max_tokens, type.longestText(encoder), maxTokens);
  }
  return encoder;
}

/**
 * Finds the folders of the encoders that a configuration names and learns from; those in `known` are known. `withInputs`: for a run
 * that is yet to be made, which takes tokenizers and preprocessors from there too; one that exists has its own.
 */
export async function findPretrained(
  config: RunConfig,
  progress: DownloadProgress,
  { known = new Map(), withInputs = false }: {
    known?: ReadonlyMap<string, string>;
    withInputs?: boolean;
  } = {},
): Promise<Map<string, string>> {
  const folders = new Map(known);
  for (const { name, type, settings } of resolveMethod(config).encoders) {
    if (settings.pretrained === undefined || folders.has(name)) continue;
    const { source, commit } = settings.pretrained;
    const inputs = withInputs
      ? Object.values(ADOPTION).filter(({ reads }) => pretrainedTypes(reads).includes(type)).flatMap((
        { files },
      ) => files)
      : [];
    const { folder } = await resolveModel(source, {
      kinds: ["weights", ...inputs],
      revision: commit ?? undefined,
      progress,
    });
    folders.set(name, folder);
  }
  return folders;
}

/**
 * Copies the small files of encoders, from folders by encoder, into the preprocessing of the modalities they read; the run
 * then needs those of the model no more.
 */
export function keepEncoderFiles(run: RunFolder, folders: ReadonlyMap<string, string>): void {
  for (const { name, type, reads } of namedEncoders(run.config.model.encoders)) {
    const folder = folders.get(name);
    if (folder === undefined) continue;
    for (const [input, modality] of Object.entries(reads)) {
      for (const file of candidates(["tokenizer", "preprocessor"])) {
        const path = join(folder, file);
        if (exists(path)) run.files.write(modalityFile(modality, file), [readBytes(path)]);
      }
      const kept = modalityFile(modality, PREPROCESSOR);
      if (type.inputs[input] === "image" && !run.files.has(kept)) {
        run.files.writeJson(kept, preprocessorContent(folder, type));
      }
    }
  }
}
