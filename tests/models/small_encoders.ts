/** Small encoders of every kind, and batches for them. */
import type { Random } from "../../src/base/random.ts";
import type { HostInput, InputKind, InputSpec } from "../../src/models/encoders/inputs.ts";

/** What a data set would say of each kind of input. */
export const SPECS: Readonly<Record<InputKind, InputSpec>> = {
  image: { kind: "image", name: "image", height: 8, width: 8, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] },
  text: { kind: "text", name: "text", vocabularySize: 20, maxTokens: 7, padId: 1, endId: 18 },
  features: { kind: "features", name: "features", width: 5 },
};

/** Fields of small encoders of any kind; a type takes those that it has. */
export const SMALL = {
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 20,
  patch_size: 4,
  initializer_range: 0.3,
  layer_norm_eps: 1e-5,
  embedding_size: 8,
  // What is special to DeBERTas; groups of distances are one place.
  position_buckets: 4,
  norm_rel_ebd: "layer_norm",
  pos_att_type: "p2c|c2p",
  conv_kernel_size: 3,
  conv_groups: 2,
  // What is special to ModernBERT: the second layer sees two tokens on either side.
  local_attention: 4,
  norm_eps: 1e-5,
  // The same by the names of DistilBERT.
  dim: 12,
  n_layers: 2,
  n_heads: 3,
  hidden_dim: 20,
  hidden_sizes: [8, 12],
  depths: [1, 2],
  num_init_features: 8,
  growth_rate: 4,
  block_config: [2, 1],
};

/** The inputs of an encoder by the names that it gives them, as a data set would describe them. */
export function specsOf(inputs: Readonly<Record<string, InputKind>>): Record<string, InputSpec> {
  return Object.fromEntries(Object.entries(inputs).map(([input, kind]) => [input, SPECS[kind]]));
}

/** An input of a random batch of so many samples; every other text is short, and none is as long as it might be. */
export function drawInput(spec: InputSpec, random: Random, batch: number): HostInput {
  if (spec.kind === "image") {
    const { kind, height, width } = spec;
    const pixels = Uint8Array.from({ length: batch * height * width * 3 }, () => random.between(0, 256));
    return { kind, pixels, height, width };
  }
  if (spec.kind === "features") {
    const { kind, width } = spec;
    return { kind, width, values: Float32Array.from({ length: batch * width }, () => random.between(-2, 2)) };
  }
  const { kind, maxTokens, padId, endId = 18 } = spec;
  const tokens = maxTokens - 1;
  const lengths = Array.from({ length: batch }, (_, text) => text % 2 === 0 ? tokens : 3);
  const mask = Uint32Array.from(
    lengths.flatMap((length) => Array.from({ length: tokens }, (_, i) => Number(i < length))),
  );
  const ids = mask.map((one) => one ? Math.floor(random.between(2, endId)) : padId);
  for (const [text, length] of lengths.entries()) ids[text * tokens + length - 1] = endId;
  return { kind, ids, mask, tokens };
}
