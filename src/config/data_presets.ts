/** The hyper-parameters to begin with for data that is not the emoji, and the encoders its modalities need. */
import { resolve } from "node:path";
import { featureViews } from "../data/readers/features.ts";
import { tableFormat } from "../data/readers/table_formats.ts";
import { UserError } from "../base/user_error.ts";
import { type RunConfig, type Setting, textOf, withSettings } from "./run_config.ts";
import {
  COMPLETE,
  type DataConfig,
  type DataName,
  LABELS_SEPARATOR,
  tableModalities,
} from "./data_config.ts";
import type { EncoderSettings } from "./encoder_config.ts";
import { nearest } from "../base/nearest.ts";
import { PRESETS } from "./presets.ts";

export const DATA_NAMES: readonly DataName[] = ["emoji", "food101", "n24news", "features", "table"];

/** A data set as `--data NAME[:PATH]` names it; the path is absolute. */
export interface DataChoice {
  readonly name: DataName;
  readonly path: string;
}

/** Reads `--data`. Throws a UserError for a name that is not known, and a path that is missing or too much. */
export function parseDataChoice(text: string): DataChoice {
  const at = text.indexOf(":");
  const given = at < 0 ? text : text.slice(0, at);
  const path = at < 0 ? "" : text.slice(at + 1);
  const name = DATA_NAMES.find((one) => one === given);
  if (name === undefined) {
    const near = nearest(given, DATA_NAMES);
    const meant = at >= 0 && near !== undefined
      ? `${near}:${path}`
      : tableFormat(text) !== undefined
      ? `table:${text}`
      : near;
    const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
    throw new UserError(`--data must be one of ${DATA_NAMES.join(", ")}, with :PATH, got "${given}"${hint}`);
  }
  if (name === "emoji" && path !== "") {
    throw new UserError("--data emoji takes no path: it comes with the program");
  }
  if (name !== "emoji" && path === "") {
    throw new UserError(`--data ${name} needs a path: --data ${name}:PATH`);
  }
  return { name, path: resolve(path) };
}

/**
 * The preset of a data set, with encoders for the modalities it has; `settings` are those of `--set`, of which the ones
 * about the data are applied, since modalities may depend on them.
 */
export function dataPreset({ name, path }: DataChoice, settings: readonly Setting[]): RunConfig {
  if (name === "emoji") return PRESETS.emoji;
  if (name === "features") return featuresPreset(path);
  if (name === "table") {
    return tablePreset(
      path,
      settings.filter((setting) => textOf(setting).startsWith("data.")),
    );
  }
  return fineTuningPreset(
    name === "food101"
      ? {
        name,
        root: path,
        layout: "auto",
        text: "auto",
        validation_samples: 5000,
        split_seed: 1,
        ...INPUTS,
        ...FILES,
        max_tokens: 512,
      }
      : {
        name,
        root: path,
        layout: "auto",
        text: "headline",
        split_seed: 1,
        ...INPUTS,
        ...FILES,
        max_tokens: null,
      },
  );
}

const HALVES: [number, number, number] = [0.5, 0.5, 0.5];
/** A mirror image in training, as published; sizes are those of small encoders, pretrained ones bring their own. */
const INPUTS = {
  image_size: 96,
  image_mean: HALVES,
  image_std: HALVES,
  max_tokens: 32,
  flip: 0.5,
  shift: 0,
  scale: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  mixup: 0,
  cutmix: 0,
  word_dropout: 0,
  unknown_words: 0.1,
  ...COMPLETE,
};

const FILES = { background: "white", roots: [] };

const TRANSFORMER = {
  hidden_size: 192,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  intermediate_size: 384,
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0,
  layer_norm_eps: 1e-12,
  hidden_act: "gelu",
  initializer_range: 0.02,
  dense_initializer: "xavier_normal",
  frozen: false,
} as const;
const IMAGE_ENCODER = { model_type: "vit", ...TRANSFORMER, patch_size: 12 } as const;
const TEXT_ENCODER = { model_type: "bert", ...TRANSFORMER, initializer_range: 0.2 } as const;

/**
 * Heads at 1e-4, as in Table 6 of the paper; fine-tuned encoders at 2e-5, as published for BERT. Encoders that begin from
 * nothing take larger steps.
 */
function fineTuningPreset(data: DataConfig): RunConfig {
  return {
    ...PRESETS.emoji,
    data,
    model: {
      ...PRESETS.emoji.model,
      encoders: { image: IMAGE_ENCODER, text: TEXT_ENCODER },
      head: { hidden_size: 256, dropout: 0, dropouts: {}, layers: 3 },
    },
    optimizer: {
      ...PRESETS.emoji.optimizer,
      encoder_learning_rate: 2e-5,
      head_learning_rate: 1e-4,
      learning_rates: { image: 3e-4, text: 3e-4 },
      weight_decay: 1e-4,
      warmup_steps: 100,
    },
    plateau: { ...PRESETS.emoji.plateau, patience: 2, minimum_learning_rate: 1e-8 },
    training: { ...PRESETS.emoji.training, epochs: 20, micro_batch: 32, batch: 128, early_stopping: 5 },
  };
}

/**
 * For some hundred samples, found by cross-validation on the training samples of ROSMAP: linear encoders, strong weight
 * decay, rates that end at 0, and no samples held back, since few of them cannot tell which epoch is best.
 */
function featuresPreset(root: string): RunConfig {
  const encoder: EncoderSettings = {
    model_type: "mlp",
    hidden_size: 64,
    num_hidden_layers: 1,
    hidden_dropout_prob: 0.5,
    frozen: false,
  };
  return {
    ...PRESETS.emoji,
    data: { name: "features", root, validation_share: 0, split_seed: 1, ...COMPLETE },
    model: {
      ...PRESETS.emoji.model,
      encoders: Object.fromEntries(featureViews(root).map((name) => [name, encoder])),
      head: { hidden_size: 32, dropout: 0.5, dropouts: {}, layers: 3 },
    },
    optimizer: {
      ...PRESETS.emoji.optimizer,
      encoder_learning_rate: 2e-3,
      head_learning_rate: 2e-3,
      learning_rates: {},
      weight_decay: 1e-2,
      warmup_steps: 0,
      schedule: "cosine",
    },
    training: { ...PRESETS.emoji.training, epochs: 80, micro_batch: 32, batch: 32, keep: "last" },
  };
}

/** What is best at first: whole sets of labels are seldom right, and numbers may be near or far beyond a tolerance. */
const METRIC_OF = {
  classification: "accuracy",
  multi_label: "average_precision",
  regression: "rmse",
} as const;

/** For some thousand rows of one's own: encoders small enough to be learned from nothing. */
function tablePreset(file: string, settings: readonly Setting[]): RunConfig {
  const base: RunConfig = {
    ...PRESETS.emoji,
    data: {
      name: "table",
      file,
      modalities: {},
      task: "classification",
      label: "label",
      labels_separator: LABELS_SEPARATOR,
      categories: [],
      decimal: ".",
      missing_numbers: "refuse",
      delimiter: null,
      encoding: null,
      split: null,
      group: null,
      folds: null,
      fold: null,
      id: null,
      weight: null,
      classes: null,
      validation_share: 0.15,
      test_share: 0.15,
      split_seed: 1,
      images: null,
      ...INPUTS,
      ...FILES,
    },
    model: { ...PRESETS.emoji.model, encoders: {} },
    optimizer: {
      ...PRESETS.emoji.optimizer,
      encoder_learning_rate: 5e-4,
      learning_rates: {},
      warmup_steps: 20,
    },
    training: { ...PRESETS.emoji.training, epochs: 40 },
  };
  const { data } = withSettings(base, settings);
  if (data.name !== "table") throw new UserError(`"data.name" is said by --data: it cannot be set as well`);
  const kinds: Record<string, EncoderSettings> = {
    image: { ...IMAGE_ENCODER, hidden_size: 96, num_hidden_layers: 3, intermediate_size: 192 },
    text: { ...TEXT_ENCODER, hidden_size: 96, num_hidden_layers: 2, intermediate_size: 192 },
    features: {
      model_type: "mlp",
      hidden_size: 96,
      num_hidden_layers: 2,
      hidden_dropout_prob: 0.3,
      frozen: false,
    },
  };
  const encoders = Object.entries(tableModalities(data)).map(([name, source]) => [
    name,
    "image" in source ? kinds.image! : "text" in source ? kinds.text! : kinds.features!,
  ]);
  return {
    ...base,
    data,
    model: { ...base.model, encoders: Object.fromEntries(encoders) },
    training: { ...base.training, metric: METRIC_OF[data.task] },
  };
}
