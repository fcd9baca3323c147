/** Tiny checkpoints as `transformers` saves them (scripts/fixtures/encoders.py), in models of ours. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { type EncoderConfig, readEncoderConfig } from "../../src/build/hf_config.ts";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { Bert } from "../../src/models/encoders/bert.ts";
import { Vit } from "../../src/models/encoders/vit.ts";
import { Parameters } from "../../src/nn/parameters.ts";

export const ENCODERS = ["vit", "bert", "roberta"] as const;
const HALF = [0.5, 0.5, 0.5] as const;

export function checkpointFolder(name: string): string {
  return new URL(`../fixtures/encoders/${name}`, import.meta.url).pathname;
}

/** An encoder below `prefix`, whose weights are drawn from seed 0. */
export function buildEncoder(gpu: Gpu, prefix: string, config: EncoderConfig) {
  const parameters = new Parameters();
  const at = prefix === "" ? parameters.root : parameters.root.at(prefix);
  const encoder = config.model_type === "vit"
    ? new Vit(at, config, { mean: HALF, std: HALF })
    : new Bert(at, config);
  parameters.allocate(gpu, 0);
  return { parameters, encoder };
}

/** An encoder with the weights of a folder. */
export async function loadFolder(gpu: Gpu, folder: string, prefix = "") {
  const config = readEncoderConfig(folder);
  const built = buildEncoder(gpu, prefix, config);
  using checkpoint = openWeights(folder);
  await loadEncoderWeights(built.parameters, prefix, checkpoint, config);
  return { ...built, config };
}
