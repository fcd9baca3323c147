/** MPNet (Song et al., 2020), as Hugging Face's `MPNetModel`: scores of attention depend on how far tokens stand apart. */
import { RelativePositions } from "../../nn/relative_positions.ts";
import { SelfAttention } from "../../nn/self_attention.ts";
import { type ConfigOf, count, optional, transformerFields } from "./fields.ts";
import { poolingField } from "./pooling.ts";
import { textEncoder, vocabularyFields } from "./text_transformer.ts";

const FIELDS = {
  ...transformerFields(0.1),
  ...vocabularyFields(30527, 1),
  relative_attention_num_buckets: optional(count(32)),
  pooling: poolingField(),
};

export const mpnet = textEncoder({
  model_type: "mpnet",
  title: "an MPNet",
  fields: FIELDS,
  multiples: [["hidden_size", "num_attention_heads"]],
  read: (config: ConfigOf<typeof FIELDS>) => config,
  countsFromPadding: true,
  parts: (config) => ({
    attention(layers) {
      const scoreBias = new RelativePositions(layers.at("relative_attention_bias"), {
        buckets: config.relative_attention_num_buckets,
        heads: config.num_attention_heads,
        std: config.initializer_range,
      });
      return (path) => new SelfAttention(path, config, { scoreBias });
    },
  }),
  readsRawTexts: true,
  prefix: "mpnet.",
  ignored: /^(pooler|lm_head|classifier|qa_outputs)\.|^embeddings\.position_ids$/,
  renames: [
    ["encoder.layer.*.attention.attn.q", "encoder.layer.*.attention.self.query"],
    ["encoder.layer.*.attention.attn.k", "encoder.layer.*.attention.self.key"],
    ["encoder.layer.*.attention.attn.v", "encoder.layer.*.attention.self.value"],
    ["encoder.layer.*.attention.attn.o", "encoder.layer.*.attention.output.dense"],
    ["encoder.layer.*.attention.LayerNorm", "encoder.layer.*.attention.output.LayerNorm"],
  ],
  exported: { architecture: "MPNetModel" },
});
