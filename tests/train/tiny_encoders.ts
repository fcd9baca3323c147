/** Pretrained encoders small enough for tests, in folders of Hugging Face's. */
import { join } from "node:path";
import { wordPieceJson } from "../../src/data/text/tokenizer_json.ts";
import { numbered } from "../../src/data/text/word_piece.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { exportEncoder, preprocessorConfig } from "../../src/export/export_encoder.ts";
import { openSafetensors, type TensorToStore, writeSafetensors } from "../../src/io/safetensors.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import { densenet } from "../../src/models/encoders/densenet.ts";
import { vilt } from "../../src/models/encoders/vilt.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { encoderType } from "../../src/models/encoders/registry.ts";
import { images, texts } from "../models/tiny_specs.ts";
import { Parameters } from "../../src/nn/parameters.ts";

const SMALL = { hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 24 };
const image = images(8, [0.5, 0.4, 0.5], [0.5, 0.5, 0.6]);
const TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "dot", "line"];

/** Writes a ViT to `image`, a DenseNet to `densenet`, a BERT to `text` and a ViLT to `joint` below `to`; gives their weights by modality and name. */
export async function writeEncoders(gpu: Gpu, to: string, words: readonly string[] = []) {
  const tokens = [...TOKENS, ...words];
  const models = {
    image: {
      config: vit.configure({ ...SMALL, image_size: 8, patch_size: 4 }),
      companions: { "preprocessor_config.json": preprocessorConfig(8, image) },
    },
    densenet: {
      config: densenet.configure({ growth_rate: 4, block_config: [1, 1], num_init_features: 8, bn_size: 2 }),
      companions: { "preprocessor_config.json": preprocessorConfig(8, image) },
    },
    joint: {
      config: vilt.configure({
        ...SMALL,
        image_size: 8,
        patch_size: 4,
        vocab_size: tokens.length,
        max_position_embeddings: 12,
      }),
      companions: {
        // As checkpoints of ViLT have it: the shorter side, and sides that are multiples of something.
        "preprocessor_config.json": {
          ...preprocessorConfig(8, image),
          size: { shortest_edge: 8 },
          size_divisor: 4,
        },
        "tokenizer.json": wordPieceJson(numbered(tokens)),
      },
    },
    text: {
      config: bert.configure({ ...SMALL, vocab_size: tokens.length, max_position_embeddings: 12 }),
      companions: { "tokenizer.json": wordPieceJson(numbered(tokens)) },
    },
  };
  const weights: Record<string, Map<string, Float32Array>> = {};
  for (const [name, { config, companions }] of Object.entries(models)) {
    const parameters = new Parameters();
    encoderType(config.model_type).build(parameters.root, config, { image, text: texts(tokens.length, 12) });
    parameters.allocate(gpu, 5);
    const values = weights[name] = await parameters.read();
    const tensors: Record<string, TensorToStore> = {};
    for (const { name, shape } of parameters.state()) {
      tensors[name] = { dtype: "F32", shape, data: values.get(name)! as Float32Array<ArrayBuffer> };
    }
    parameters.dispose();
    const file = join(to, `${name}.safetensors`);
    writeSafetensors(file, tensors);
    using stored = openSafetensors(file);
    exportEncoder(join(to, name), { config, weights: stored, prefix: "", companions: { ...companions } });
  }
  return weights;
}
