/** The configuration of a run: its schema, presets with overrides, and messages that help. */
import * as z from "zod";
import { UserError } from "../io/user_error.ts";
import { nearest } from "./nearest.ts";

const whole = z.int();
const count = whole.min(1);
const share = z.number().min(0).max(1);
const rate = z.number().positive();
const decay = z.number().min(0);

/** Keys with a default came later: configurations written before remain valid. */
const frozen = z.union([z.boolean(), whole.min(1)], { error: "true, false or a number of layers" }).default(
  false,
);

/** What all transformers have; names are those of Hugging Face's config.json. */
const transformer = {
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_dropout_prob: share.lt(1),
  attention_probs_dropout_prob: share.lt(1),
  layer_norm_eps: rate,
  hidden_act: z.enum(["gelu", "relu"]),
  /** Standard deviation of the first values of embeddings, and of dense layers that begin "normal". */
  initializer_range: rate,
  dense_initializer: z.enum(["normal", "xavier_normal"]),
  /** What is not learned: all of it, nothing, or the embeddings and so many of the first layers. */
  frozen,
};

/** Where the first weights come from; without it, they are drawn. */
const pretrained = z.strictObject({
  source: z.string(),
  /** Of the hub, where it came from there. */
  commit: z.string().nullable(),
}).optional();

/** Sizes that follow from the data set, unless the encoder is pretrained. */
const text = {
  vocab_size: count.optional(),
  max_position_embeddings: count.optional(),
  type_vocab_size: count.optional(),
  pad_token_id: whole.min(0).optional(),
  pretrained,
};

const encoderSchema = z.discriminatedUnion("model_type", [
  z.strictObject({
    model_type: z.literal("vit"),
    ...transformer,
    patch_size: count,
    qkv_bias: z.boolean().optional(),
    pretrained,
  }),
  z.strictObject({ model_type: z.literal("bert"), ...transformer, ...text }),
  z.strictObject({ model_type: z.literal("roberta"), ...transformer, ...text }),
  z.strictObject({
    model_type: z.literal("mlp"),
    hidden_size: count,
    num_hidden_layers: count,
    hidden_dropout_prob: share.lt(1),
    frozen,
  }),
]);

const configSchema = z.strictObject({
  /** Of weights, order, augmentation and dropout. */
  seed: whole.min(0),
  method: z.enum(["unis-mmc", "agg-mm"]),
  data: z.strictObject({
    name: z.enum(["emoji"]),
    labels: z.enum(["group", "subgroup"]),
    image_size: count,
    /** Bytes become (byte / 255 - mean) / std, by channel. */
    image_mean: z.tuple([z.number(), z.number(), z.number()]).default([0.5, 0.5, 0.5]),
    image_std: z.tuple([rate, rate, rate]).default([0.5, 0.5, 0.5]),
    max_tokens: whole.min(3),
    /** How strongly training samples are varied; see `Augmentation`. */
    flip: share,
    shift: share,
    scale: z.number().min(0),
    brightness: share,
    contrast: share,
    saturation: share,
    word_dropout: share.lt(1),
  }),
  model: z.strictObject({
    /** By the name of the modality. */
    encoders: z.record(z.string(), encoderSchema),
    head: z.strictObject({ hidden_size: count, dropout: share.lt(1) }),
    /** λ and τ of the loss. */
    contrast_weight: z.number().min(0),
    contrast_temperature: rate,
    /** Layers of transformers keep their input alone for the gradient and compute the rest twice: less memory. */
    checkpointing: z.boolean().default(false),
  }),
  optimizer: z.strictObject({
    encoder_learning_rate: rate,
    head_learning_rate: rate,
    /** Rates of single encoders, by the name of the modality. */
    learning_rates: z.record(z.string(), rate),
    /** L2, as in torch's Adam; none for biases and norms. */
    weight_decay: decay,
    /** That of single parts: an encoder, by the name of its modality, or "heads". */
    weight_decays: z.record(z.string(), decay).default({}),
    beta1: share.lt(1),
    beta2: share.lt(1),
    epsilon: rate,
    /** Optimizer steps over which the rates rise to their values; 0 for none. */
    warmup_steps: whole.min(0),
    /** After that: lower on a plateau (see there), down to 0 along half a cosine at the last step, or constant. */
    schedule: z.enum(["plateau", "cosine", "constant"]).default("plateau"),
    /** A step's gradient that is longer, over all parameters together, is shortened to it; null for never. */
    max_gradient_norm: rate.nullable().default(null),
  }),
  /** For schedule "plateau": reduces the learning rates when the validation accuracy has not risen for more than `patience` epochs. */
  plateau: z.strictObject({
    factor: z.number().gt(0).lt(1),
    patience: whole.min(0),
    /** The share of the best by which an accuracy must beat it. */
    threshold: share.lt(1),
    /** No rate falls below. */
    minimum_learning_rate: z.number().min(0),
  }),
  training: z.strictObject({
    epochs: count,
    /** Samples that go through the model at once; their gradients are averaged over a batch. "auto": what memory allows. */
    micro_batch: z.union([count, z.literal("auto")], { error: 'a whole number, at least 1, or "auto"' }),
    /** Bytes that "auto" may use in all; null for a default by adapter, see memory_plan.ts. */
    memory_limit: count.nullable().default(null),
    batch: count,
    evaluation_batch: count,
    /** Epochs without a better validation accuracy after which training ends. */
    early_stopping: count,
  }),
});

export type RunConfig = z.infer<typeof configSchema>;
/** With the micro-batch settled. */
export type SettledConfig = RunConfig & { readonly training: { readonly micro_batch: number } };
export type EncoderConfig = z.infer<typeof encoderSchema>;
export type Method = RunConfig["method"];

/** True where the first weights of a modality's encoder are loaded, not drawn. */
export function isPretrained({ model }: RunConfig, modality: string): boolean {
  const encoder = model.encoders[modality];
  return encoder !== undefined && "pretrained" in encoder && encoder.pretrained !== undefined;
}

/** Checks a configuration, e.g. one read from a file. Throws a UserError naming `source`, the key and what is expected. */
export function parseConfig(value: unknown, source: string): RunConfig {
  const result = configSchema.safeParse(value);
  if (!result.success) throw new UserError(`${source}: ${explain(result.error.issues[0]!, value)}`);
  checkTogether(result.data, source);
  return result.data;
}

/**
 * A preset with settings changed by dotted keys, `optimizer.weight_decay=0`; later ones win. Values are read as JSON
 * where they are JSON, else as text. Throws a UserError for what is no setting.
 */
export function withSettings(preset: RunConfig, settings: readonly string[]): RunConfig {
  const config = structuredClone(preset);
  for (const setting of settings) {
    const at = setting.indexOf("=");
    if (at < 1) throw new UserError(`--set takes key=value, such as training.epochs=5, got "${setting}"`);
    setKey(config, setting.slice(0, at), parseValue(setting.slice(at + 1)));
  }
  return parseConfig(config, "--set");
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function setKey(config: object, path: string, value: unknown): void {
  const keys = path.split(".");
  let group = config as Record<string, unknown>;
  for (const [depth, key] of keys.entries()) {
    if (!/^[a-z][\w-]*$/i.test(key)) {
      throw new UserError(`--set: "${path}" is no key; ${allowedAt(config, [])}`);
    }
    if (depth === keys.length - 1) {
      group[key] = value;
      return;
    }
    const next = Object.hasOwn(group, key) ? group[key] : group[key] = {};
    if (typeof next !== "object" || next === null || Array.isArray(next)) {
      const own = keys.slice(0, depth + 1).join(".");
      throw new UserError(`--set: "${own}" is a setting itself and has no "${keys[depth + 1]}"`);
    }
    group = next as Record<string, unknown>;
  }
}

/** One sentence about the first thing that is wrong. */
function explain(issue: z.core.$ZodIssue, value: unknown): string {
  const path = issue.path.map(String);
  const name = path.join(".");
  if (issue.code === "unrecognized_keys") {
    const wrong = issue.keys[0]!;
    const meant = nearest(wrong, keysAt(value, path));
    const full = [...path, wrong].join(".");
    const hint = meant === undefined ? "" : `did you mean "${[...path, meant].join(".")}"? `;
    return `unknown key "${full}": ${hint}${allowedAt(value, path)}`;
  }
  const got = valueAt(value, path);
  if (path.length === 0) return `must be ${expectation(issue)}, got ${show(got)}`;
  if (got === undefined) return `key "${name}" is missing`;
  const options = issue.code === "invalid_value"
    ? issue.values.map(String)
    : issue.code === "invalid_union" && "options" in issue
    ? (issue.options as unknown[]).map(String)
    : undefined;
  if (options !== undefined) {
    const meant = typeof got === "string" ? nearest(got, options) : undefined;
    const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
    const expected = options.length === 1 ? `"${options[0]}"` : `one of ${options.join(", ")}`;
    return `"${name}" must be ${expected}, got ${show(got)}${hint}`;
  }
  return `"${name}" must be ${expectation(issue)}, got ${show(got)}`;
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") {
    const names: Record<string, string> = {
      int: "a whole number",
      number: "a number",
      string: "text",
      boolean: "true or false",
      object: "a group of keys",
      record: "a group of keys",
    };
    return names[issue.expected] ?? issue.expected;
  }
  if (issue.code === "too_small") return `${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
  if (issue.code === "too_big") return `${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`;
  return issue.message;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

function allowedAt(value: unknown, path: readonly string[]): string {
  return `allowed: ${keysAt(value, path).join(", ")}`;
}

/** The keys the schema knows at a path; `value` decides between the kinds of encoder. */
function keysAt(value: unknown, path: readonly string[]): string[] {
  let schema: z.core.$ZodType = configSchema;
  for (const [depth, key] of path.entries()) {
    if (schema instanceof z.ZodRecord) schema = schema.valueType;
    else if (schema instanceof z.ZodObject) schema = schema.shape[key];
    if (schema instanceof z.ZodDiscriminatedUnion) {
      const kind = valueAt(value, [...path.slice(0, depth + 1), schema.def.discriminator]);
      schema = schema.options.find((option) =>
        option instanceof z.ZodObject && option.shape.model_type.safeParse(kind).success
      )!;
    }
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** What no key can be blamed for alone. */
function checkTogether({ data, model, training }: RunConfig, source: string): void {
  const fail = (message: string) => new UserError(`${source}: ${message}`);
  if (training.micro_batch !== "auto" && training.batch % training.micro_batch !== 0) {
    throw fail(
      `"training.batch" must be a multiple of "training.micro_batch", got ${training.batch} and ${training.micro_batch}`,
    );
  }
  for (const [name, encoder] of Object.entries(model.encoders)) {
    const at = `model.encoders.${name}`;
    if ("num_attention_heads" in encoder && encoder.hidden_size % encoder.num_attention_heads !== 0) {
      throw fail(
        `"${at}.hidden_size" must be a multiple of "${at}.num_attention_heads", got ${encoder.hidden_size} and ` +
          `${encoder.num_attention_heads}`,
      );
    }
    if (typeof encoder.frozen === "number" && encoder.frozen > encoder.num_hidden_layers) {
      throw fail(
        `"${at}.frozen" must be at most "${at}.num_hidden_layers", got ${encoder.frozen} and ` +
          `${encoder.num_hidden_layers}; true freezes all of the encoder`,
      );
    }
    if (encoder.model_type === "vit" && data.image_size % encoder.patch_size !== 0) {
      throw fail(
        `"data.image_size" must be a multiple of "${at}.patch_size", got ${data.image_size} and ${encoder.patch_size}`,
      );
    }
  }
}
