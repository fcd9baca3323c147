/** Writes encoders as `transformers` loads them. */
import { join } from "node:path";
import type { ImageNormalisation } from "../ops/image.ts";
import { checkpointName } from "../build/hf_names.ts";
import { makeFolder } from "../io/files.ts";
import type { EncoderConfig } from "../models/encoders/encoder.ts";
import { encoderType } from "../models/encoders/registry.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { type TensorFile, type TensorToStore, writeSafetensors } from "../io/safetensors.ts";
import { UserError } from "../base/user_error.ts";

/** The metadata that `transformers` asks of a safetensors file. */
const METADATA = { format: "pt" };
/** Pillow's number for bilinear. */
const BILINEAR = 2;

export interface EncoderExport {
  readonly config: EncoderConfig;
  /** Holds the encoder's weights, each under `prefix` and its name. */
  readonly weights: TensorFile;
  /** The prefix with its full stop, such as `text.`; empty for none. */
  readonly prefix: string;
  /** Files of JSON to write beside, by name, such as `tokenizer.json`. */
  readonly companions?: Readonly<Record<string, object>>;
  /** For an encoder of texts: the pieces that the exported tokenizer has beyond its vocabulary. */
  readonly unknown?: UnknownPieces;
}

/** So many pieces are unknown to the model and get the embedding of `id`, [UNK], each in a row of its own at the end. */
export interface UnknownPieces {
  readonly id: number;
  readonly count: number;
}

/**
 * Writes a folder for `AutoModel.from_pretrained`: config.json, model.safetensors and the companions; of an encoder that
 * Hugging Face has no model of, the same files. Throws a UserError where something cannot be written, or there are no
 * weights under the prefix.
 */
export function exportEncoder(
  folder: string,
  { config: given, weights, prefix, companions = {}, unknown = { id: 0, count: 0 } }: EncoderExport,
): void {
  const tensors = readTensors(weights, prefix);
  makeFolder(folder);
  const { exported, fields, checkpoint } = encoderType(given.model_type);
  const config = unknown.count > 0 ? withUnknown(given, tensors, exported.wordEmbeddings!, unknown) : given;
  const architecture = config.pooling === "projection" ? exported.projecting : exported.architecture;
  const known = Object.entries(config).filter(([name]) => !fields[name]?.isOwn);
  writeJsonFile(join(folder, "config.json"), {
    ...(architecture !== undefined && { architectures: [architecture] }),
    ...Object.fromEntries(known),
    ...exported.fields,
    torch_dtype: "float32",
  });
  const named = Object.entries(tensors).map(([name, tensor]) => [
    checkpointName(checkpoint ?? {}, name),
    checkpoint?.counters?.test(name) ? inWholeNumbers(tensor) : tensor,
  ]);
  writeSafetensors(join(folder, "model.safetensors"), Object.fromEntries(named), METADATA);
  for (const [name, value] of Object.entries(companions)) writeJsonFile(join(folder, name), value);
}

function inWholeNumbers({ shape, data }: TensorToStore): TensorToStore {
  return { dtype: "I64", shape, data: BigInt64Array.from(data as Float32Array, BigInt) };
}

/** Adds a row for each unknown piece to the table of word embeddings; gives the configuration with its size. */
function withUnknown(
  config: EncoderConfig,
  tensors: Record<string, TensorToStore>,
  name: string,
  { id, count }: UnknownPieces,
): EncoderConfig {
  const { shape: [rows, width], data } = tensors[name] as TensorToStore & { readonly data: Float32Array };
  const table = new Float32Array((rows! + count) * width!);
  table.set(data);
  for (let row = rows!; row < rows! + count; row++) {
    table.set(data.subarray(id * width!, (id + 1) * width!), row * width!);
  }
  tensors[name] = { dtype: "F32", shape: [rows! + count, width!], data: table };
  return { ...config, vocab_size: rows! + count };
}

/** Writes the tensors under a prefix, by their names after it, as one file; for what is no model of Hugging Face's. */
export function exportTensors(path: string, weights: TensorFile, prefix: string): void {
  writeSafetensors(path, readTensors(weights, prefix), METADATA);
}

/** A `preprocessor_config.json` for images of this size, as the encoder sees them. */
export function preprocessorConfig(side: number, { mean, std }: ImageNormalisation): object {
  return {
    image_processor_type: "ViTImageProcessor",
    do_resize: true,
    size: { height: side, width: side },
    resample: BILINEAR,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
}

function readTensors(weights: TensorFile, prefix: string): Record<string, TensorToStore> {
  const tensors: Record<string, TensorToStore> = {};
  for (const [key, { shape }] of weights.tensors) {
    if (!key.startsWith(prefix)) continue;
    tensors[key.slice(prefix.length)] = { dtype: "F32", shape, data: weights.readFloat32(key) };
  }
  if (Object.keys(tensors).length === 0) {
    throw new UserError(`There are no tensors "${prefix}…" in ${weights.path}`);
  }
  return tensors;
}
