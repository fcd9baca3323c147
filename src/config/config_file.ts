/** Files for `--config`: a whole configuration, such as the config.json of a run, or some of its keys. */
import { resolve } from "node:path";
import { nearest } from "../base/nearest.ts";
import { UserError } from "../base/user_error.ts";
import { isJsonObject } from "../io/strict_json.ts";
import { readYaml } from "../io/yaml_file.ts";
import { DATA_NAMES, parseDataChoice } from "./data_presets.ts";
import { encoderSchema } from "./encoder_config.ts";
import { isWhole, parseConfig, type RunConfig, type Setting } from "./run_config.ts";

export interface ConfigFile {
  readonly path: string;
  /** The configuration, where the file holds all of it; what the file says then stands there and not below. */
  readonly whole?: RunConfig;
  /** The data, as `--data` names them, where the file says which. */
  readonly data?: string;
  /** All other keys. */
  readonly settings: readonly Setting[];
}

/** The keys of data that `--data` says on the command line. */
const CHOICE = ["data.name", "data.root", "data.file"];

/** Reads YAML or JSON. Throws a UserError that names the file and the key; values are checked where they are used. */
export function readConfigFile(path: string): ConfigFile {
  const value = readYaml(path) ?? {};
  if (!isJsonObject(value)) {
    throw new UserError(
      `${path} must hold keys of a configuration, such as "training.epochs: 5", got ${JSON.stringify(value)}`,
    );
  }
  if (isWhole(value)) {
    const whole = parseConfig(value, path);
    return { path, whole: movedTo(whole, dataOf(new Map(settingsOf(value)), path)), settings: [] };
  }
  const entries = settingsOf(value);
  const data = dataOf(new Map(entries), path);
  const settings = entries.filter(([key]) => !CHOICE.includes(key)).map(([key, value]) => ({
    text: settingText(key, value),
    source: path,
  }));
  return { path, settings, ...(data !== undefined && { data }) };
}

/** A configuration with its data elsewhere: where `--data` says. Throws a UserError where these are other data. */
export function movedTo(config: RunConfig, choice: string | undefined): RunConfig {
  if (choice === undefined) return config;
  const { name, path } = parseDataChoice(choice);
  const { data } = config;
  if (name !== data.name) {
    throw new UserError(
      `--data ${name} cannot be used with a configuration whose "data.name" is ${data.name}`,
    );
  }
  if (data.name === "emoji") return config;
  return { ...config, data: data.name === "table" ? { ...data, file: path } : { ...data, root: path } };
}

/**
 * The keys of a group, nested or dotted, and their values. An encoder that is whole is one value, which takes the place of
 * the encoder of that name; so are lists and empty groups.
 */
export function settingsOf(group: Readonly<Record<string, unknown>>, prefix = ""): [string, unknown][] {
  return Object.entries(group).flatMap(([name, value]): [string, unknown][] => {
    const key = prefix + name;
    const isLeaf = !isJsonObject(value) || Object.keys(value).length === 0 || isWholeEncoder(key, value);
    return isLeaf ? [[key, value]] : settingsOf(value, `${key}.`);
  });
}

/** As `--set` takes it. */
export function settingText(key: string, value: unknown): string {
  return `${key}=${JSON.stringify(value)}`;
}

function isWholeEncoder(key: string, value: unknown): boolean {
  return /^model\.encoders\.[^.]+$/.test(key) && encoderSchema().safeParse(value).success;
}

/** `NAME:PATH`, with an absolute path; undefined where the file does not say which data. */
function dataOf(settings: ReadonlyMap<string, unknown>, source: string): string | undefined {
  const [given, root, file] = CHOICE.map((key) => settings.get(key));
  if (given === undefined && root === undefined && file === undefined) return undefined;
  const names = DATA_NAMES.join(", ");
  if (given === undefined) throw new UserError(`${source}: key "data.name" is missing: one of ${names}`);
  const name = DATA_NAMES.find((one) => one === given);
  if (name === undefined) {
    const meant = nearest(String(given), DATA_NAMES);
    const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
    throw new UserError(
      `${source}: "data.name" must be one of ${names}, got ${JSON.stringify(given)}${hint}`,
    );
  }
  if (name === "emoji") return name;
  const place = name === "table" ? file : root;
  if (typeof place === "string" && place !== "") return `${name}:${resolve(place)}`;
  throw new UserError(`${source}: key "data.${name === "table" ? "file" : "root"}" is missing`);
}
