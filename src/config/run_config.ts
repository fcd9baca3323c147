/** The configuration of a run: its schema, and presets with overrides. */
import * as z from "zod";
import { UserError } from "../base/user_error.ts";
import { isJsonObject } from "../io/strict_json.ts";
import { valueOfYaml } from "../io/yaml_file.ts";
import { allowedAt, explain } from "./explain.ts";
import { METRIC_NAMES } from "../metrics/chosen_metric.ts";
import { count, rate, share, whole } from "./values.ts";
import { dataSchema, wrongInData } from "./data_config.ts";
import { checkEncoders, encoderSchema } from "./encoder_config.ts";
import { encoderTypes } from "../models/encoders/registry.ts";
import { settleEncoderKinds } from "./encoder_kind.ts";
import { settleMethodEncoder } from "./method_encoder.ts";
import { checkMethod, switchFields } from "./method_config.ts";
import { mustSkip } from "../models/method_checks.ts";
import { optimizerSchema, plateauSchema, wrongInOptimizer } from "./optimizer_config.ts";
import { semanticsSchema } from "./semantics.ts";
import { taskFields, wrongInTask } from "./task_config.ts";

const configSchema = z.strictObject({
  /** The seed of weights, order, augmentation and dropout. */
  seed: whole.min(0),
  /** The name of a method, or that of an encoder, which is then all that is learned from. */
  method: z.string(),
  semantics: semanticsSchema.prefault({}),
  data: dataSchema,
  model: z.strictObject({
    /** By the name of the modality, or that of a joint encoder. */
    encoders: z.record(z.string(), encoderSchema()),
    head: z.strictObject({
      hidden_size: count,
      dropout: share.lt(1),
      layers: z.int().min(1).max(3).default(3),
      /** The dropout of single heads: a modality, or "fusion". */
      dropouts: z.record(z.string(), share.lt(1)).default({}),
    }),
    /** λ and τ of the loss. */
    contrast_weight: z.number().min(0),
    contrast_temperature: rate,
    ...switchFields,
    /** The width that a linear layer brings every representation to; null for none. */
    projection: count.nullable().default(null),
    /** A sentence encoder, for a method that compares the names of classes: a folder or an id of the hub, and its commit. */
    class_encoder: z.strictObject({ source: z.string(), commit: z.string().nullable().default(null) })
      .optional(),
    /** Settings that the method alone has. */
    options: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
    /** Linear layers of encoders are adapted by matrices of this rank, and nothing else of these encoders is learned: LoRA. */
    lora: z.strictObject({
      rank: count.default(8),
      /** What adapters add is multiplied by alpha / rank. */
      alpha: rate.default(16),
      /** Patterns of names of layers, in which * stands for anything. */
      targets: z.array(z.string().min(1)).min(1).default(["*.query", "*.value"]),
    }).optional(),
    /** Layers of transformers keep their input alone for the gradient and compute the rest twice: less memory. */
    checkpointing: z.boolean().default(false),
  }),
  optimizer: optimizerSchema,
  plateau: plateauSchema,
  training: z.strictObject({
    epochs: count,
    /** Samples that go through the model at once; their gradients are averaged over a batch. "auto": what memory allows. */
    micro_batch: z.union([count, z.literal("auto")], { error: 'a whole number, at least 1, or "auto"' }),
    /** Bytes that "auto" may use in all; null for a default by adapter, see memory_plan.ts. */
    memory_limit: count.nullable().default(null),
    batch: count,
    evaluation_batch: count,
    /** The type of transformers' activations and of the operands of their products; f16 with f32 weights and a dynamic loss scale. */
    precision: z.enum(["f32", "f16"]).default("f32"),
    /** What gradients travel as between ranks: in f16 they are rounded, blocks of them by a power of two, and half as many bytes. */
    wire: z.enum(["f32", "f16"]).default("f32"),
    /** How GPUs add up products of f16 operands: all in f32, or "packed": runs of 16 in f16, two at a time, and those in f32. */
    f16_products: z.enum(["f32", "packed"]).default("f32"),
    /** Processes that the published code trains by (`microBatchWeight` in gradient_step.ts); not those that train here. */
    processes: count.default(1),
    /** Optimizer steps from one validation to the next; null for one at the end of every epoch. */
    validation_every: count.nullable().default(null),
    /** Epochs that go by before the first validation. The end of the last epoch is validated in any case. */
    validation_after: whole.min(0).default(0),
    /** Optimizer steps from one checkpoint to the next; null for those of validations and of ends of epochs alone. */
    checkpoint_every: count.nullable().default(null),
    /** What is best in validation, for the epoch that is kept, early stopping and plateau. */
    metric: z.enum(METRIC_NAMES).default("accuracy"),
    /** Validations without a better metric after which training ends. */
    early_stopping: count,
    /** The share of the samples of an epoch from which modalities are withheld, as if missing; see `drawWithheld`. */
    modality_dropout: share.default(0),
    /**
     * What a sample of a class counts in the losses of all heads: "balanced" has all classes count alike, as they occur among
     * training samples; or a weight for each class by its name. Of labels it is what those count that have one.
     */
    class_weights: z.union([z.enum(["none", "balanced"]), z.record(z.string(), rate)], {
      error: "none, balanced or a weight above 0 for each class",
    }).default("none"),
    /** The share of the target that is spread over all classes, or over having a label and not. */
    label_smoothing: share.lt(1).default(0),
    /** γ of the focal loss; 0 for none. */
    focal_gamma: z.number().min(0).default(0),
    /** Optimizer steps from one measurement of the noise scale of gradients to the next, see `GradientNoise`; 0 for none. */
    gradient_noise: whole.min(0).default(0),
    ...taskFields,
    /** The weights that are tested: those of the epoch best in validation, or of the last, which then none ends early. */
    keep: z.enum(["best", "last"]).default("best"),
  }),
});

export type RunConfig = z.infer<typeof configSchema>;
/** With the micro-batch settled. */
export type SettledConfig = RunConfig & { readonly training: { readonly micro_batch: number } };

let current = { types: encoderTypes().length, schema: configSchema };

/** The schema, with the encoders that were registered since. */
function schemaNow(): typeof configSchema {
  const types = encoderTypes().length;
  if (current.types !== types) {
    const encoders = z.record(z.string(), encoderSchema());
    const model = configSchema.shape.model.extend({ encoders });
    current = { types, schema: configSchema.extend({ model }) };
  }
  return current.schema;
}

/** True where the first weights of a modality's encoder are loaded, not drawn. */
export function isPretrained({ model }: RunConfig, modality: string): boolean {
  return model.encoders[modality]?.pretrained !== undefined;
}

/**
 * Checks a configuration, e.g. one read from a file. Throws a UserError naming the key, what is expected, and the source,
 * which may depend on what is wrong.
 */
export function parseConfig(value: unknown, source: string | ((message: string) => string)): RunConfig {
  const schema = schemaNow();
  const result = schema.safeParse(value);
  const wrong = passedOver(value) ??
    (result.success ? wrongTogether(result.data) : explain(schema, result.error.issues[0]!, value));
  if (wrong === undefined) return result.data!;
  throw new UserError(`${typeof source === "string" ? source : source(wrong)}: ${wrong}`);
}

/** Says that a key is called so that schemas pass over it, if one is. */
function passedOver(value: unknown, path: readonly string[] = []): string | undefined {
  if (!isJsonObject(value)) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const own = [...path, key];
    if (key === "__proto__") return `"${own.join(".")}": no key may be called "__proto__"`;
    const found = passedOver(inner, own);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** True for a value that is a configuration in all its parts. */
export function isWhole(value: unknown): boolean {
  return schemaNow().safeParse(value).success;
}

/** The JSON Schema of configurations, with the encoders that are registered now; keys that have a default may be left out. */
export function configJsonSchema(): object {
  return z.toJSONSchema(schemaNow(), { io: "input" });
}

/** `key=value`, and who says so where that is not the command line's --set. */
export type Setting = string | { readonly text: string; readonly source: string };

/** The `key=value` of a setting. */
export function textOf(setting: Setting): string {
  return typeof setting === "string" ? setting : setting.text;
}

/**
 * A preset with settings changed by dotted keys, `optimizer.weight_decay=0`; later ones win. Values are read as JSON
 * where they are JSON, lists as YAML too, else as text. An encoder whose kind is changed keeps the fields that both kinds have. Throws a UserError for what is no setting, naming the source of the key, which is
 * `source` where the setting does not say it.
 */
export function withSettings(preset: RunConfig, settings: readonly Setting[], source = "--set"): RunConfig {
  const config = structuredClone(preset);
  const sources = new Map<string, string>();
  for (const setting of settings) {
    const text = textOf(setting);
    const from = typeof setting === "string" ? source : setting.source;
    const at = text.indexOf("=");
    if (at < 1) throw new UserError(`--set takes key=value, such as training.epochs=5, got "${text}"`);
    const key = text.slice(0, at);
    setKey(config, key, parseValue(text.slice(at + 1)), from);
    sources.delete(key);
    sources.set(key, from);
  }
  settleEncoderKinds(preset, config, [...sources.keys()]);
  settleMethodEncoder(config);
  return parseConfig(config, (message) => sourceOf(message, sources) ?? source);
}

/** Who last said one of the keys that a message quotes. */
function sourceOf(message: string, sources: ReadonlyMap<string, string>): string | undefined {
  const said = [...sources].reverse();
  for (const [, quoted] of message.matchAll(/"([\w.-]+)"/g)) {
    const within = (a: string, b: string) => a === b || a.startsWith(`${b}.`);
    const found = said.find(([key]) => within(key, quoted!) || within(quoted!, key));
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/** JSON, a number or a list as YAML has them (`.5`, `[.3, 1]`, `[title, body]`), or else a text. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return /^[+-]?\.\d+$/.test(text) || /^\[.*\]$/s.test(text) ? valueOfYaml(text) : text;
  }
}

function setKey(config: object, path: string, value: unknown, source: string): void {
  const keys = path.split(".");
  let group = config as Record<string, unknown>;
  for (const [depth, key] of keys.entries()) {
    if (!/^[a-z][\w-]*$/i.test(key)) {
      throw new UserError(`${source}: "${path}" is no key; ${allowedAt(schemaNow(), config, [])}`);
    }
    if (depth === keys.length - 1) {
      group[key] = value;
      return;
    }
    const next = Object.hasOwn(group, key) ? group[key] : group[key] = {};
    if (typeof next !== "object" || next === null || Array.isArray(next)) {
      const own = keys.slice(0, depth + 1).join(".");
      throw new UserError(`${source}: "${own}" is a setting itself and has no "${keys[depth + 1]}"`);
    }
    group = next as Record<string, unknown>;
  }
}

/** Says what no key can be blamed for alone, if anything. */
function wrongTogether(
  { data, method, model, optimizer, plateau, semantics, training }: RunConfig,
): string | undefined {
  try {
    const resolved = checkMethod({ method, model });
    if (data.missing !== "refuse") mustSkip(resolved, method);
    checkEncoders(model.encoders, data);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  const { batch, micro_batch, processes, epochs, validation_after, keep } = training;
  const wrong = wrongInOptimizer(optimizer) ?? wrongInData(data) ?? wrongInTask({ data, training });
  if (wrong !== undefined) return wrong;
  if (micro_batch !== "auto" && batch % micro_batch !== 0) {
    return `"training.batch" must be a multiple of "training.micro_batch", got ${batch} and ${micro_batch}`;
  }
  if (micro_batch !== "auto" && batch % (micro_batch * processes) !== 0) {
    return `"training.batch" must be a multiple of "training.micro_batch" times "training.processes", got ${batch} and ` +
      `${micro_batch} times ${processes}`;
  }
  if (training.modality_dropout > 0 && data.missing === "refuse") {
    return '"data.missing" must be learned or zeros with "training.modality_dropout": samples then lack modalities';
  }
  if (training.f16_products === "packed" && training.precision === "f32") {
    return '"training.f16_products" must be f32 where "training.precision" is f32, got packed: no product is of f16';
  }
  if (semantics.plateau_on_training && training.metric !== "accuracy") {
    return `"training.metric" must be accuracy where "semantics.plateau_on_training" is true, got ${training.metric}: rates fall ` +
      "on a plateau of the accuracy in training";
  }
  if (validation_after >= epochs) {
    return `"training.validation_after" must be below "training.epochs", got ${validation_after} and ${epochs}`;
  }
  if (data.name !== "features" || data.validation_share !== 0) return undefined;
  if (keep === "best") {
    return '"training.keep" must be last where "data.validation_share" is 0: nothing tells which epoch is best';
  }
  if (optimizer.schedule === "plateau") {
    return '"optimizer.schedule" must not be plateau where "data.validation_share" is 0, but linear, cosine or constant';
  }
  return plateau.with_schedule
    ? '"plateau.with_schedule" must be false where "data.validation_share" is 0: nothing tells of a plateau'
    : undefined;
}
