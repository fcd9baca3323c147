/** Reads the file of an experiment, which says what runs there are and which tables are made of them. */
import { dirname, resolve } from "node:path";
import * as z from "zod";
import { UserError } from "../base/user_error.ts";
import { settingsOf } from "../config/config_file.ts";
import { explain } from "../config/explain.ts";
import { whole } from "../config/values.ts";
import { isJsonObject } from "../io/strict_json.ts";
import { readYaml } from "../io/yaml_file.ts";
import { nearest } from "../base/nearest.ts";
import { PRESETS } from "../config/presets.ts";
import { SEMANTICS } from "../config/semantics.ts";

const name = z.string().min(1);

/** Changes of the settings of runs. Where several change one setting, the variant wins over levels, and those over the file. */
const change = {
  semantics: z.enum(Object.keys(SEMANTICS) as (keyof typeof SEMANTICS)[]).optional(),
  /** Pretrained encoders, as `--image-encoder`, `--text-encoder` and `--joint-encoder` name them. */
  encoders: z.strictObject({ image: name.optional(), text: name.optional(), joint: name.optional() }).default(
    {},
  ),
  /** Settings, by keys that are dotted, as `--set` has them, or nested. */
  set: z.record(z.string(), z.unknown()).default({}),
};
const changeSchema = z.strictObject(change);

/** The measures of an evaluation that tables may show. All but those in units are fractions of which more is better. */
export const MEASURES = {
  accuracy: "accuracy",
  top_2: "top-2 accuracy",
  top_5: "top-5 accuracy",
  macro_f1: "macro F1",
  weighted_f1: "weighted F1",
  auc: "AUC",
  average_precision: "average precision",
  label_accuracy: "label accuracy",
  micro_f1: "micro F1",
  samples_f1: "samples F1",
  r2: "R²",
  pearson: "Pearson's r",
  mae: "MAE",
  rmse: "RMSE",
} as const;
/** In the units of the data, and less is better. */
export const ERRORS: ReadonlySet<string> = new Set(["mae", "rmse"]);
export type Measure = keyof typeof MEASURES;

const tableSchema = z.strictObject({
  title: name,
  note: z.string().optional(),
  /** The variants that stand in it, in this order; all of them if not given. */
  variants: z.array(name).min(1).optional(),
  /** The names of variants in it, where they are not their own. */
  labels: z.record(z.string(), name).default({}),
  /** The axes: "variant", "head", "measure" or the name of a factor. Without "head", measures are those of the last head. */
  rows: z.array(name).optional(),
  columns: z.array(name).optional(),
  measures: z.array(z.enum(Object.keys(MEASURES) as Measure[])).min(1).default(["accuracy"]),
});

/** What the files of experiments and of sweeps say of all runs. */
export const common = {
  name,
  /** The preset, as `--preset` names it; for the emoji. */
  preset: z.enum(Object.keys(PRESETS) as (keyof typeof PRESETS)[]).optional(),
  /** A file of any keys of a configuration, or of all, as `--config` takes it; its path counts from the folder of this file. */
  config: name.optional(),
  /** The data as `--data` names it: NAME:PATH. */
  data: name.optional(),
  /** Whether runs are trained without faulty samples, as by `--skip-bad`. */
  skip_bad: z.boolean().default(false),
  seeds: z.array(whole.min(0)).min(1),
  ...change,
};

const experimentSchema = z.strictObject({
  ...common,
  /** Runs are made for every combination of a level of each factor; levels by factor and name. */
  factors: z.record(z.string(), z.record(z.string(), changeSchema)).default({}),
  variants: z.array(z.strictObject({
    name,
    /** The method, as `--method` names it. */
    method: name,
    ...change,
    /** Levels of factors that do not matter to this variant: it is trained at these only, and stands for all. */
    at: z.record(z.string(), name).default({}),
  })).min(1),
  /** The variant that others are compared with; the first if not given, null for none. */
  baseline: name.nullable().optional(),
  /** Where none is named, the accuracy of every head. */
  tables: z.array(tableSchema).min(1).prefault([{ title: "Test accuracy" }]),
});

export type ExperimentFile = z.infer<typeof experimentSchema>;
export type Change = z.infer<typeof changeSchema>;
export type TableSpec = z.infer<typeof tableSchema>;

/**
 * Reads a YAML or JSON file. A file that `extends` another, named from its own folder, has all keys of the other that it
 * does not set itself; "set" and "encoders" are put together. Throws a UserError naming file, key, and what is expected.
 */
export function readExperiment(path: string): ExperimentFile {
  return parseExperiment(readExtended(path), path);
}

/** The content of a file, with what it takes over from the one that it `extends`. */
export function readExtended(path: string, before: readonly string[] = [resolve(path)]): unknown {
  const value = readYaml(path);
  if (!isJsonObject(value) || !("extends" in value)) return value;
  const { extends: base, ...own } = value;
  if (typeof base !== "string") {
    throw new UserError(`${path}: "extends" must be text, got ${JSON.stringify(base)}`);
  }
  const basePath = resolve(dirname(path), base);
  if (before.includes(basePath)) throw new UserError(`${path}: "extends" ${base}, which extends this file`);
  const other = readExtended(basePath, [...before, basePath]);
  if (!isJsonObject(other)) return { ...own };
  const both = (key: string) =>
    isJsonObject(other[key]) && isJsonObject(own[key]) && {
      [key]: Object.fromEntries([...settingsOf(other[key]), ...settingsOf(own[key])]),
    };
  return { ...other, ...own, ...both("set"), ...both("encoders") };
}

/** Checks the content of a file; `source` is its name. */
export function parseExperiment(value: unknown, source: string): ExperimentFile {
  const result = experimentSchema.safeParse(value);
  if (!result.success) {
    throw new UserError(`${source}: ${explain(experimentSchema, result.error.issues[0]!, value)}`);
  }
  checkTogether(result.data, source);
  return result.data;
}

/** Checks the rules that several keys keep together. */
function checkTogether(file: ExperimentFile, source: string): void {
  const { factors, variants, baseline, tables } = file;
  checkCommon(file, source);
  const names = variants.map((variant) => variant.name);
  mustDiffer(names, "variants", source);
  for (const [factor, levels] of Object.entries(factors)) {
    if (FIXED_AXES.includes(factor)) {
      throw new UserError(`${source}: "factors.${factor}" needs another name: a table has its own ${factor}`);
    }
    if (Object.keys(levels).length === 0) {
      throw new UserError(`${source}: "factors.${factor}" must have at least one level`);
    }
  }
  for (const [i, { at }] of variants.entries()) {
    for (const [factor, level] of Object.entries(at)) {
      mustBeOneOf(factor, Object.keys(factors), `variants.${i}.at`, source);
      mustBeOneOf(level, Object.keys(factors[factor]!), `variants.${i}.at.${factor}`, source);
    }
  }
  if (typeof baseline === "string") mustBeOneOf(baseline, names, "baseline", source);
  for (const [i, table] of tables.entries()) {
    for (const one of table.variants ?? []) mustBeOneOf(one, names, `tables.${i}.variants`, source);
    mustDiffer(table.variants ?? [], `tables.${i}.variants`, source);
    for (const one of Object.keys(table.labels)) mustBeOneOf(one, names, `tables.${i}.labels`, source);
    const { rows, columns } = axesOf(table, file);
    for (const axis of [...rows, ...columns]) {
      mustBeOneOf(axis, [...FIXED_AXES, ...Object.keys(factors)], `tables.${i}`, source);
    }
    mustDiffer([...rows, ...columns], `rows and columns of tables.${i}`, source);
    const missing = ["variant", ...Object.keys(factors)].find((axis) =>
      ![...rows, ...columns].includes(axis)
    );
    if (missing !== undefined) {
      throw new UserError(`${source}: "tables.${i}" must have "${missing}" among its rows or columns`);
    }
  }
}

/** Checks what all runs have in common. */
export function checkCommon(
  { preset, data, config, seeds }: Pick<ExperimentFile, "preset" | "data" | "config" | "seeds">,
  source: string,
): void {
  if (preset !== undefined && data !== undefined && data !== "emoji") {
    throw new UserError(`${source}: "preset" is for the emoji: "data" ${data} has its own`);
  }
  if (preset !== undefined && config !== undefined) {
    throw new UserError(`${source}: give "preset" or "config", which both say what runs begin with`);
  }
  mustDiffer(seeds.map(String), "seeds", source);
}

const FIXED_AXES: readonly string[] = ["variant", "head", "measure"];

/** The axes of a table. By default, rows are variants and columns the levels of all factors, or else the heads. */
export function axesOf(
  table: TableSpec,
  { factors }: Pick<ExperimentFile, "factors">,
): { rows: readonly string[]; columns: readonly string[] } {
  const rows = table.rows ?? ["variant"].filter((axis) => !table.columns?.includes(axis));
  const others = Object.keys(factors).filter((factor) => !rows.includes(factor));
  const columns = table.columns ??
    (others.length > 0 ? others : ["head"].filter((axis) => !rows.includes(axis)));
  const isComplete = table.measures.length === 1 || [...rows, ...columns].includes("measure");
  return { rows, columns: isComplete ? columns : [...columns, "measure"] };
}

export function mustDiffer(values: readonly string[], key: string, source: string): void {
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice !== undefined) throw new UserError(`${source}: "${key}" has ${twice} twice`);
}

function mustBeOneOf(value: string, allowed: readonly string[], key: string, source: string): void {
  if (allowed.includes(value)) return;
  const meant = nearest(value, allowed);
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  throw new UserError(
    `${source}: "${key}" names "${value}", which must be one of ${allowed.join(", ") || "none"}${hint}`,
  );
}
