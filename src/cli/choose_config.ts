/** From flags to a configuration: what it begins with, then the file of --config, then flags, then --set. */
import { beginningOf } from "../app/work.ts";
import { UserError } from "../base/user_error.ts";
import {
  choosePretrained,
  type Chosen,
  type Fetched,
  findPretrained,
  type Wanted,
} from "../build/pretrained.ts";
import { type ConfigFile, movedTo, readConfigFile } from "../config/config_file.ts";
import type { PresetName } from "../config/presets.ts";
import { type RunConfig, type Setting, withSettings } from "../config/run_config.ts";
import { SEMANTICS } from "../config/semantics.ts";
import type { DeviceChoice } from "../app/open_device.ts";
import type { DownloadProgress } from "../io/hub.ts";

/** Flags that say what is trained. */
export interface ConfigFlags extends DeviceChoice {
  preset: PresetName;
  config?: string;
  data?: string;
  imageEncoder?: string;
  textEncoder?: string;
  jointEncoder?: string;
  method?: string;
  semantics?: keyof typeof SEMANTICS;
  /** False by --no-semi and --no-negative. */
  semi: boolean;
  negative: boolean;
  symmetric?: boolean;
  microBatch?: string;
  precision?: "f32" | "f16";
  wire?: "f32" | "f16";
  checkpointing?: boolean;
  seed?: number;
  epochs?: number;
  set?: string[];
}

/** Flags that are typed as --no-<name>. */
const NEGATED = ["semi", "negative"];

/** As it is typed: `--micro-batch` for microBatch. */
export function flagName(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return NEGATED.includes(name) ? `--no-${words}` : `--${words}`;
}

/**
 * The configuration that flags describe, the name of what it began with, and where the files of pretrained encoders are.
 * `given` names the flags that were typed.
 */
export async function chooseConfig(
  flags: ConfigFlags,
  given: readonly string[],
  downloads: DownloadProgress,
  fetched: Fetched = "all",
): Promise<Chosen & { readonly name: string }> {
  const file = flags.config === undefined ? undefined : readConfigFile(flags.config);
  const { name, config: beginning } = beginningFrom(file, flags, given);
  const chosen = await choosePretrained(beginning, wantedEncoders(flags), downloads, fetched);
  const config = withSettings(chosen.config, [
    ...file?.settings ?? [],
    ...settingsOfFlags(flags),
    ...flags.set ?? [],
  ]);
  if (fetched === "configuration") return { name, config, folders: chosen.folders };
  const folders = await findPretrained(config, downloads, { known: chosen.folders, withInputs: true });
  return { name, config, folders };
}

/** A whole file is a beginning of its own; else it is the preset, or what suits the data. */
function beginningFrom(
  file: ConfigFile | undefined,
  flags: ConfigFlags,
  given: readonly string[],
): { name: string; config: RunConfig } {
  const preset = given.includes("preset") ? flags.preset : undefined;
  if (file?.whole === undefined) {
    if (flags.data !== undefined && file?.data !== undefined) {
      mustBeSameKind(flags.data, file.data, file.path);
    }
    return beginningOf(preset, flags.data ?? file?.data, [...file?.settings ?? [], ...flags.set ?? []]);
  }
  if (preset !== undefined) {
    throw new UserError(`--preset cannot be used with ${file.path}, which says all of the configuration`);
  }
  return { name: file.whole.data.name, config: movedTo(file.whole, flags.data) };
}

function mustBeSameKind(flag: string, data: string, source: string): void {
  const kind = (choice: string) => choice.split(":")[0]!;
  if (kind(flag) === kind(data)) return;
  throw new UserError(
    `--data ${kind(flag)} cannot be used with ${source}, whose "data.name" is ${kind(data)}`,
  );
}

/** The pretrained encoders that flags name. */
export function wantedEncoders(
  { imageEncoder, textEncoder, jointEncoder }: Pick<
    ConfigFlags,
    "imageEncoder" | "textEncoder" | "jointEncoder"
  >,
): Wanted {
  return {
    ...(imageEncoder !== undefined && { image: imageEncoder }),
    ...(textEncoder !== undefined && { text: textEncoder }),
    ...(jointEncoder !== undefined && { joint: jointEncoder }),
  };
}

function settingsOfFlags(flags: ConfigFlags): Setting[] {
  const {
    method,
    semantics,
    semi,
    negative,
    symmetric,
    seed,
    epochs,
    microBatch,
    precision,
    checkpointing,
    wire,
  } = flags;
  const rows: [flag: string, key: string, value: unknown][] = [
    ["method", "method", method],
    ["semantics", "semantics", semantics && JSON.stringify(SEMANTICS[semantics])],
    ["semi", "model.semi_positive", semi ? undefined : false],
    ["negative", "model.negative", negative ? undefined : false],
    ["symmetric", "model.symmetric", symmetric],
    ["seed", "seed", seed],
    ["epochs", "training.epochs", epochs],
    ["microBatch", "training.micro_batch", microBatch],
    ["precision", "training.precision", precision],
    ["checkpointing", "model.checkpointing", checkpointing],
    ["wire", "training.wire", wire],
  ];
  return rows.flatMap(([flag, key, value]) =>
    value === undefined ? [] : [{ text: `${key}=${value}`, source: flagName(flag) }]
  );
}
