/** The hyper-parameters of the runs that have a name. */
import type { RunConfig } from "./run_config.ts";
import type { DataConfig } from "./data_config.ts";
import { SEMANTICS } from "./semantics.ts";

type EmojiConfig = RunConfig & { readonly data: Extract<DataConfig, { readonly name: "emoji" }> };

/** Small enough to be trained in minutes on two processor cores. */
const emoji: EmojiConfig = {
  seed: 1,
  method: "unis-mmc",
  semantics: SEMANTICS.paper,
  data: {
    name: "emoji",
    labels: "group",
    image_size: 32,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    max_tokens: 16,
    flip: 0.5,
    shift: 0.08,
    scale: 0.12,
    brightness: 0,
    contrast: 0,
    saturation: 0,
    word_dropout: 0.5,
    unknown_words: 0.1,
  },
  model: {
    encoders: {
      image: {
        model_type: "vit",
        hidden_size: 64,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        intermediate_size: 128,
        hidden_dropout_prob: 0,
        attention_probs_dropout_prob: 0,
        layer_norm_eps: 1e-12,
        hidden_act: "gelu",
        initializer_range: 0.02,
        dense_initializer: "xavier_normal",
        frozen: false,
        patch_size: 8,
      },
      text: {
        model_type: "bert",
        hidden_size: 64,
        num_hidden_layers: 1,
        num_attention_heads: 4,
        intermediate_size: 128,
        hidden_dropout_prob: 0.2,
        attention_probs_dropout_prob: 0,
        layer_norm_eps: 1e-12,
        hidden_act: "gelu",
        initializer_range: 0.2,
        dense_initializer: "xavier_normal",
        frozen: false,
      },
    },
    head: { hidden_size: 256, dropout: 0.3, dropouts: {}, layers: 3 },
    contrast_weight: 0.1,
    contrast_temperature: 0.07,
    semi_positive: true,
    negative: true,
    symmetric: false,
    checkpointing: false,
    projection: null,
    options: {},
  },
  optimizer: {
    name: "adam",
    encoder_learning_rate: 1e-3,
    head_learning_rate: 1e-3,
    learning_rates: { image: 2e-3 },
    head_learning_rates: {},
    weight_decay: 1e-3,
    weight_decays: {},
    decay_vectors: false,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    bias_correction: true,
    alpha: 0.99,
    momentum: 0,
    warmup_steps: 20,
    warmup_share: 0,
    schedule: "plateau",
    max_gradient_norm: null,
    max_parameter_gradient_norm: null,
  },
  plateau: { factor: 0.5, patience: 3, threshold: 1e-4, minimum_learning_rate: 1e-6, with_schedule: false },
  training: {
    epochs: 20,
    micro_batch: 128, // all of a batch at once: small kernels cost by the dispatch, not by the sample
    memory_limit: null,
    precision: "f32",
    batch: 128,
    evaluation_batch: 128,
    processes: 1,
    validation_every: null,
    validation_after: 0,
    checkpoint_every: null,
    early_stopping: 12,
    class_weights: "none",
    label_smoothing: 0,
    focal_gamma: 0,
    keep: "best",
  },
};

/** For a GPU: the whole 64 pixels, wider and deeper encoders. */
const emojiLarge: EmojiConfig = {
  ...emoji,
  data: { ...emoji.data, image_size: 64, max_tokens: 32 },
  model: {
    ...emoji.model,
    encoders: {
      image: {
        model_type: "vit",
        hidden_size: 256,
        num_hidden_layers: 6,
        num_attention_heads: 8,
        intermediate_size: 1024,
        hidden_dropout_prob: 0.1,
        attention_probs_dropout_prob: 0,
        layer_norm_eps: 1e-12,
        hidden_act: "gelu",
        initializer_range: 0.02,
        dense_initializer: "xavier_normal",
        frozen: false,
        patch_size: 8,
      },
      text: {
        model_type: "bert",
        hidden_size: 256,
        num_hidden_layers: 4,
        num_attention_heads: 8,
        intermediate_size: 512,
        hidden_dropout_prob: 0.2,
        attention_probs_dropout_prob: 0.1,
        layer_norm_eps: 1e-12,
        hidden_act: "gelu",
        initializer_range: 0.2,
        dense_initializer: "xavier_normal",
        frozen: false,
      },
    },
  },
  optimizer: { ...emoji.optimizer, encoder_learning_rate: 5e-4, learning_rates: {}, warmup_steps: 100 },
  plateau: { ...emoji.plateau, patience: 5 },
  training: { ...emoji.training, epochs: 80, evaluation_batch: 256, early_stopping: 25 },
};

export const PRESETS = { "emoji": emoji, "emoji-large": emojiLarge } as const satisfies Record<
  string,
  RunConfig
>;
export type PresetName = keyof typeof PRESETS;
