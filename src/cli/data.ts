/** The command `unis data verify`: prints how many samples each class has, and all that is wrong with a data set. */
import { drawSplits, type Fault } from "../data/index/sample_index.ts";
import { isSound, type Verification, verificationLines, verifyIndex } from "../data/index/verify.ts";
import { UserError } from "../base/user_error.ts";
import { output } from "../report/output.ts";
import { formatTable } from "../report/table.ts";
import { formatCount } from "../report/units.ts";
import { type RunConfig, withSettings } from "../config/run_config.ts";
import { indexFiles } from "../build/index_samples.ts";
import { choosePretrained } from "../build/pretrained.ts";
import { cutTexts } from "../build/text_lengths.ts";
import { dataPreset, parseDataChoice } from "../config/data_presets.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { wantedEncoders } from "./choose_config.ts";
import { CheckFailed } from "../app/errors.ts";

export interface VerifyFlags {
  data: string;
  /** The pretrained encoder that texts are to be read by, whose tokens are counted. */
  textEncoder?: string;
  set?: string[];
  partial?: boolean;
  json?: boolean;
}

/** Milliseconds between two lines of progress. */
const PROGRESS_INTERVAL = 10_000;
/** Faults of a kind that are shown to people. */
const MOST_FAULTS = 50;

/** Verifies a data set and prints what was found. Throws `CheckFailed` where something is wrong. */
export async function verify(
  { data, set = [], textEncoder, partial = false, json = false }: VerifyFlags,
): Promise<void> {
  const note = (message: string) => output.aside(message);
  const chosen = await choosePretrained(
    dataPreset(parseDataChoice(data), set),
    wantedEncoders({ ...(textEncoder !== undefined && { textEncoder }) }),
    new DownloadBar(note),
    "configuration",
  );
  const config = withSettings(chosen.config, set);
  const found = await verification(config, { compare: !partial, encoderFolders: chosen.folders }, note);
  output.result(json ? JSON.stringify(found, null, 2) : summaryOf(found).join("\n"));
  if (isSound(found)) return;
  const { length } = verificationLines(found);
  throw new CheckFailed(
    `${length === 1 ? "1 thing is" : `${formatCount(length)} things are`} wrong with ${data}`,
  );
}

/** The faults of the data set of a configuration; its counts are not compared with those published. */
export async function findFaults(
  config: RunConfig,
  note: (message: string) => void,
): Promise<readonly Fault[]> {
  return (await verification(config, { compare: false }, note)).faults;
}

async function verification(
  config: RunConfig,
  { compare, encoderFolders }: {
    readonly compare: boolean;
    /** Those of pretrained encoders by name, where texts are to be read whole and counted. */
    readonly encoderFolders?: ReadonlyMap<string, string>;
  },
  note: (message: string) => void,
): Promise<Verification> {
  const { data, model } = config;
  if (data.name === "emoji") {
    throw new UserError("The emoji come with the program: there is nothing to verify");
  }
  const isTable = data.name === "table";
  // Whatever the fold, all rows are looked at.
  const whole = isTable && data.folds !== null ? { ...data, fold: data.fold ?? 1 } : data;
  const wholeTexts = encoderFolders !== undefined;
  const index = await indexFiles(whole, model, { wholeTexts });
  drawSplits(index);
  const found = await verifyIndex(index, { compare, progress: progressNotes(note) });
  const cut = isTable && wholeTexts ? await cutTexts(config, index, data.max_tokens, encoderFolders) : [];
  return { ...found, warnings: [...found.warnings, ...cut] };
}

/** Tells now and then how many images were looked at. */
export function progressNotes(
  note: (message: string) => void = (message) => output.aside(message),
): (done: number, total: number) => void {
  let printed = performance.now();
  return (done, total) => {
    if (performance.now() - printed < PROGRESS_INTERVAL) return;
    printed = performance.now();
    note(`Verified    ${formatCount(done)} of ${formatCount(total)} images`);
  };
}

/**
 * A table of the counts, then a line for everything that is wrong, then one for everything that may be. A wrong setting makes
 * all rows faulty alike: of each kind the first are shown, so that the others are not lost among them.
 */
function summaryOf(found: Verification): string[] {
  const { classes, counts, lacking, expected, targets } = found;
  const row = (name: string, { train, validation, test }: Partial<Verification["counts"]>) => [
    name,
    ...[train, validation, test].map((count) => count === undefined ? "" : formatCount(count)),
  ];
  const table = formatTable([
    [targets === undefined ? "class" : classes.length > 0 ? "label" : "", "train", "validation", "test"],
    ...classes.map(({ name, counts }) => row(name, counts)),
    row("all", counts),
    ...lacking.map(({ name, counts }) => row(`lacking ${name}`, counts)),
    ...(expected === null ? [] : [row("expected", expected)]),
  ]);
  const kinds = [...Map.groupBy(found.faults, ({ kind }) => kind)];
  const hidden = new Set(kinds.flatMap(([, faults]) => faults.slice(MOST_FAULTS)));
  const lines = [
    ...verificationLines({ ...found, faults: found.faults.filter((fault) => !hidden.has(fault)) }),
    ...kinds.filter(([, { length }]) => length > MOST_FAULTS).map(([kind, { length }]) =>
      `and ${formatCount(length - MOST_FAULTS)} more [${kind}]: --json names them all`
    ),
  ];
  const warnings = found.warnings.map((warning) => `Warning: ${warning}`);
  return [
    ...table,
    ...(targets === undefined ? [] : ["", targets]),
    "",
    ...(lines.length === 0 ? ["Nothing is wrong"] : lines),
    ...warnings,
  ];
}
