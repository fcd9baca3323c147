/** Tiny checkpoints as `transformers` saves them (scripts/fixtures/encoders.py), in models of ours. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import type { Encoder, EncoderConfig } from "../../src/models/encoders/encoder.ts";
import { encoderType } from "../../src/models/encoders/registry.ts";
import type { TextTransformer } from "../../src/models/encoders/text_transformer.ts";
import type { VisionTransformer } from "../../src/models/encoders/vision_transformer.ts";
import type { HostInputs } from "../../src/models/encoders/inputs.ts";
import type { Fixture } from "../models/fixtures.ts";
import { images, texts } from "../models/tiny_specs.ts";
import { Parameters } from "../../src/nn/parameters.ts";

export const ENCODERS = [
  "vit",
  "bert",
  "roberta",
  "deit",
  "beit",
  "beit_shared",
  "dinov2",
  "dinov2_giant",
  "dinov2_with_registers",
  "clip_vision",
  "clip_vision_projection",
  "clip_text",
  "clip_text_projection",
  "siglip_vision",
  "xlm_roberta",
  "distilbert",
  "electra",
  "mpnet",
  "deberta_v3",
  "deberta_v2",
  "modernbert",
] as const;

export function checkpointFolder(name: string): string {
  return new URL(`../fixtures/encoders/${name}`, import.meta.url).pathname;
}

/** An encoder below `prefix`, whose weights are drawn from seed 0; with `withF16`, products can be taken in f16. */
export function buildEncoder(gpu: Gpu, prefix: string, config: EncoderConfig, withF16 = false) {
  const parameters = new Parameters();
  const path = prefix === "" ? parameters.root : parameters.root.at(prefix);
  const type = encoderType(config.model_type);
  const specs = { image: images(Number(config.image_size)), text: texts(Number(config.vocab_size), 0) };
  const encoder: Encoder = type.build(path, config, specs);
  parameters.allocate(gpu, 0, undefined, withF16);
  return { type, parameters, encoder: encoder as VisionTransformer | TextTransformer };
}

/** An encoder with the weights of a folder. */
export async function loadFolder(gpu: Gpu, folder: string, prefix = "", withF16 = false) {
  const config = readEncoderConfig(folder);
  const built = buildEncoder(gpu, prefix, config, withF16);
  using checkpoint = openWeights(folder);
  await loadEncoderWeights(built.parameters, prefix, checkpoint, built.type);
  return { ...built, config };
}

/** The images or the texts of a fixture. */
export function inputsOf(fixture: Fixture, kind = fixture.has("pixels") ? "image" : "text"): HostInputs {
  if (kind === "image") {
    const [, height, width] = fixture.shape("pixels") as [number, number, number];
    return { image: { kind: "image", pixels: fixture.bytes("pixels"), height, width } };
  }
  const tokens = fixture.shape("ids")[1]!;
  return { text: { kind: "text", ids: fixture.words("ids"), mask: fixture.words("mask"), tokens } };
}
