/** Plans the runs of an experiment from its file. */
import { UserError } from "../base/user_error.ts";
import type { Wanted } from "../build/pretrained.ts";
import { settingsOf, settingText } from "../config/config_file.ts";
import { type Setting, textOf } from "../config/run_config.ts";
import { SEMANTICS } from "../config/semantics.ts";
import type { Change, ExperimentFile } from "./experiment_file.ts";

/** The name of a level for each factor. */
export type Levels = Readonly<Record<string, string>>;

/** A run as the file describes it. */
export interface PlannedRun {
  /** The name of its folder, unique within the experiment. */
  readonly name: string;
  readonly variant: string;
  /** The levels of the factors that matter to it. */
  readonly levels: Levels;
  readonly method: string;
  readonly seed: number;
  /** The fold of its cross-validation, from 1; undefined without one. */
  readonly fold?: number;
  readonly encoders: Wanted;
  /** Settings as `--set` takes them; later ones win. */
  readonly settings: readonly Setting[];
}

/** Changes that the command line makes in all runs. */
export interface Overrides {
  readonly encoders: Wanted;
  readonly settings: readonly string[];
}

/**
 * The runs of an experiment in the order in which they are made: every variant at every combination of levels with the
 * first seed, then with the next, so that an experiment that is not over yet can be compared. Where settings ask for
 * `data.folds`, each is made once for every fold. Throws a UserError where two would have one name.
 */
export function planRuns(file: ExperimentFile, source: string, overrides: Overrides): PlannedRun[] {
  const runs = new Map<string, PlannedRun>();
  for (const seed of file.seeds) {
    for (const combination of combinations(file.factors)) {
      for (const variant of file.variants) {
        if (Object.entries(variant.at).some(([factor, level]) => combination[factor] !== level)) continue;
        const levels = Object.fromEntries(
          Object.entries(combination).filter(([factor]) => !(factor in variant.at)),
        );
        const changes: Change[] = [
          file,
          ...Object.entries(combination).map(([factor, level]) => file.factors[factor]![level]!),
          variant,
        ];
        const settings: Setting[] = [
          ...changes.flatMap((change) => [
            ...(change === variant ? [settingText("method", variant.method), settingText("seed", seed)] : []),
            ...settingsOfChange(change),
          ]),
          ...overrides.settings.map((text) => ({ text, source: "--set" })),
        ];
        for (const fold of foldsOf(settings)) {
          const ofFold = fold === undefined ? "" : `-fold${fold}`;
          const name = `${slugOf([...Object.values(levels), variant.name])}-seed${seed}${ofFold}`;
          if (runs.has(name)) {
            throw new UserError(
              `${source}: ${
                runs.get(name)!.variant
              } and ${variant.name} would share the folder ${name}: rename one`,
            );
          }
          runs.set(name, {
            name,
            variant: variant.name,
            levels,
            method: variant.method,
            seed,
            ...(fold !== undefined && { fold }),
            encoders: Object.assign({}, ...changes.map(({ encoders }) => encoders), overrides.encoders),
            settings: fold === undefined ? settings : [...settings, settingText("data.fold", fold)],
          });
        }
      }
    }
  }
  return [...runs.values()];
}

/** The folds that settings ask for, unless they name one; what is no number of folds is told when they are applied. */
function foldsOf(settings: readonly Setting[]): (number | undefined)[] {
  const last = (key: string) => settings.map(textOf).findLast((text) => text.startsWith(`${key}=`));
  const folds = Number(last("data.folds")?.split("=")[1]);
  if (!Number.isInteger(folds) || folds < 2 || last("data.fold") !== undefined) return [undefined];
  return Array.from({ length: folds }, (_, i) => i + 1);
}

/** Every choice of one level of each factor; the last factor varies fastest. */
export function combinations(factors: ExperimentFile["factors"]): Levels[] {
  return Object.entries(factors).reduce<Levels[]>(
    (all, [factor, levels]) =>
      all.flatMap((one) => Object.keys(levels).map((level) => ({ ...one, [factor]: level }))),
    [{}],
  );
}

function settingsOfChange({ semantics, set }: Change): string[] {
  return [
    ...(semantics === undefined ? [] : [settingText("semantics", SEMANTICS[semantics])]),
    ...settingsOf(set).map(([key, value]) => settingText(key, value)),
  ];
}

/** The name of a run without its seed, such as `headline-bert-unis-mmc`. */
function slugOf(parts: readonly string[]): string {
  const words = parts.map((part) =>
    part.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "")
  );
  return words.filter((word) => word !== "").join("-") || "run";
}
