/** DistilBERT (Sanh et al., 2019), as Hugging Face's `DistilBertModel`: a BERT of half the layers, without types of tokens. */
import { ACTIVATION_NAMES } from "../../ops/activations.ts";
import { BERT_STYLE } from "../../nn/transformer.ts";
import { choice, type ConfigOf, count, positive, probability, transformerFields } from "./fields.ts";
import { poolingField } from "./pooling.ts";
import { textEncoder, vocabularyFields } from "./text_transformer.ts";

const FIELDS = {
  dim: count(768),
  n_layers: count(6),
  n_heads: count(12),
  hidden_dim: count(3072),
  activation: choice(ACTIVATION_NAMES, "gelu"),
  dropout: probability(0.1),
  attention_dropout: probability(0.1),
  initializer_range: positive(0.02),
  dense_initializer: transformerFields(0.1).dense_initializer,
  ...vocabularyFields(30522, 0),
  pooling: poolingField(false),
};

export const distilbert = textEncoder({
  model_type: "distilbert",
  title: "a DistilBERT",
  fields: FIELDS,
  multiples: [["dim", "n_heads"]],
  layersField: "n_layers",
  read: ({ dim, n_layers, n_heads, hidden_dim, activation, dropout, attention_dropout, ...config }: ConfigOf<
    typeof FIELDS
  >) => ({
    ...config,
    hidden_size: dim,
    num_hidden_layers: n_layers,
    num_attention_heads: n_heads,
    intermediate_size: hidden_dim,
    hidden_act: activation,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: attention_dropout,
    layer_norm_eps: 1e-12,
  }),
  parts: () => ({ style: { ...BERT_STYLE, dropsAttention: false } }),
  readsRawTexts: true,
  prefix: "distilbert.",
  ignored:
    /^(vocab_transform|vocab_layer_norm|vocab_projector|pre_classifier|classifier|qa_outputs)\.|^embeddings\.position_ids$/,
  renames: [
    ["transformer.layer.*.attention.q_lin", "encoder.layer.*.attention.self.query"],
    ["transformer.layer.*.attention.k_lin", "encoder.layer.*.attention.self.key"],
    ["transformer.layer.*.attention.v_lin", "encoder.layer.*.attention.self.value"],
    ["transformer.layer.*.attention.out_lin", "encoder.layer.*.attention.output.dense"],
    ["transformer.layer.*.sa_layer_norm", "encoder.layer.*.attention.output.LayerNorm"],
    ["transformer.layer.*.ffn.lin1", "encoder.layer.*.intermediate.dense"],
    ["transformer.layer.*.ffn.lin2", "encoder.layer.*.output.dense"],
    ["transformer.layer.*.output_layer_norm", "encoder.layer.*.output.LayerNorm"],
  ],
  exported: { architecture: "DistilBertModel" },
});
