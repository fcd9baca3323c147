/** The command `unis predict`. */
import { uncounted } from "../app/predict/labelled_answers.ts";
import { EmbeddingsFile } from "../app/predict/embeddings.ts";
import { Explanations } from "../app/predict/explanations.ts";
import { type Columns, InputReader } from "../app/predict/inputs.ts";
import { type PredictedRows, predictRows, type PredictRowsOptions } from "../app/predict/predict_rows.ts";
import { PendingFile } from "../app/predict/pending_file.ts";
import { predictTable, tablePath } from "../app/predict/predict_table.ts";
import { PredictSession, typedPath } from "../app/predict/session.ts";
import { answerWriter, type OutputFormat } from "../app/predict/writers.ts";
import type { DeviceChoice } from "../app/open_device.ts";
import { Stop } from "../app/stop.ts";
import { Interrupted } from "../base/interrupt.ts";
import { UserError } from "../base/user_error.ts";
import { DELIMITER, type StreamedRow, type TableReading } from "../data/readers/table_format.ts";
import { tableEndings, tableFormat } from "../data/readers/table_formats.ts";
import { isEncoding } from "../io/text_chunks.ts";
import { DeviceLost, OutOfMemory } from "../gpu/device_errors.ts";
import type { Temperatures } from "../metrics/calibration.ts";
import { calibrationLines, confusionLines, evaluationLines } from "../report/console.ts";
import { EXPLAINED_AT_ONCE } from "../train/explainer.ts";
import { output } from "../report/output.ts";
import { RowProgress } from "../report/row_progress.ts";
import { formatCount } from "../report/units.ts";

export interface PredictFlags extends DeviceChoice {
  data?: string;
  images?: string;
  roots?: string[];
  image?: string;
  text?: string;
  features?: string;
  input?: string[];
  column?: string[];
  encoding?: string;
  delimiter?: string;
  label?: string;
  id?: string;
  out?: string;
  format?: OutputFormat;
  top: number;
  proba?: boolean;
  uncalibrated?: boolean;
  explain?: boolean;
  heatMaps?: string;
  embeddings?: string;
  skipBad?: boolean;
  batch?: number;
}

/** Rows that are named where some are left out. */
const NAMED = 20;

/** Predicts the rows of a table, of standard input where `input` is "-", or one sample that flags describe. */
export async function predict(path: string, input: string | undefined, flags: PredictFlags): Promise<void> {
  const source = sourceOf(input, flags);
  const format = formatOf(flags);
  const columns = pairs("--column", flags.column);
  using out = new PendingFile(flags.out);
  using embeddings = flags.embeddings === undefined ? undefined : new EmbeddingsFile(flags.embeddings);
  using session = await PredictSession.begin(path, flags);
  if (flags.top !== 1 && session.task !== "classification") {
    throw new UserError(
      `--top is for classes, and the run ${path} tells ${
        session.task === "regression" ? "numbers" : "labels, those that are likely enough"
      }`,
    );
  }
  using stop = new Stop(() => {});
  using progress = new RowProgress((line) => output.aside(line));
  const temperatures = flags.uncalibrated ? {} : session.temperatures;
  using explanations = explanationsOf(session, temperatures, flags);
  const batchSize = flags.batch ?? (explanations && EXPLAINED_AT_ONCE);
  const options = {
    skipBad: flags.skipBad ?? false,
    writer: answerWriter(format, {
      task: session.task,
      classes: session.classes,
      top: flags.top,
      all: flags.proba ?? false,
    }),
    print: (text: string) => out.write(text),
    temperatures,
    ...(embeddings && { embeddings }),
    ...(explanations && { explanations }),
    ...(flags.id !== undefined && { idColumn: flags.id }),
    ...(flags.label !== undefined && { labelColumn: flags.label }),
    ...(batchSize !== undefined && { batchSize }),
    progress: (rows: number) => progress.update(rows),
    signal: stop.signal,
  };
  let found: PredictedRows;
  try {
    found = source === "sample"
      ? await predictSample(session, sampleOf(session, flags), options)
      : await predictTable(session, source, {
        ...options,
        columns,
        reading: readingOf(flags),
        ...(flags.images !== undefined && { images: flags.images }),
        ...(flags.roots !== undefined && { roots: flags.roots }),
      });
  } catch (error) {
    if (error instanceof Interrupted) throw new Interrupted("stopped; nothing was written");
    if (error instanceof OutOfMemory) throw new UserError(`${error.message}; a smaller --batch takes less`);
    if (!(error instanceof DeviceLost)) throw error;
    throw new DeviceLost(`${error.message}; nothing was written, and the same command may be tried again`);
  }
  progress.clear();
  out.finish();
  const written = [
    ...(flags.out === undefined ? [] : [flags.out]),
    ...embeddings?.finish() ?? [],
    ...explanations?.finish() ?? [],
  ];
  for (const line of found.refused.slice(0, NAMED)) output.aside(`Skipped     ${line}`);
  if (found.refused.length > NAMED) output.aside(`Skipped     ${found.refused.length - NAMED} more rows`);
  for (const line of uncounted(found.unknownLabels)) output.aside(line);
  if (found.evaluation !== undefined && found.predictions !== undefined) {
    const measures = [
      "",
      ...evaluationLines(found.evaluation, "rows with a label"),
      "",
      ...confusionLines(found.predictions, session.classes),
    ].join("\n");
    // Standard output is for the predictions, unless they go to a file.
    if (flags.out === undefined) output.aside(measures);
    else output.result(measures);
  }
  for (const line of calibrationLines(temperatures)) output.aside(line);
  if (written.length > 0) output.aside(`Predicted   ${formatCount(found.rows)} rows: ${written.join(", ")}`);
}

/** What explains answers, where flags ask for it. Throws a UserError where that cannot be done. */
function explanationsOf(
  session: PredictSession,
  temperatures: Temperatures,
  { explain = false, heatMaps }: PredictFlags,
): Explanations | undefined {
  if (!explain && heatMaps === undefined) return undefined;
  const explainer = session.explainer(temperatures);
  const { model } = session.model;
  if (!explainer.hasShares && model.modalities.length > 1) {
    output.aside(
      `${session.open.run.path} keeps no mean representations, being of an older version: no shares of modalities are told`,
    );
  }
  if (heatMaps !== undefined && Object.values(model.encoders).every(({ patches }) => patches === undefined)) {
    throw new UserError(
      `--heat-maps is for models whose encoders of images attend to patches; those of ${session.open.run.path} do not`,
    );
  }
  return new Explanations(explainer, heatMaps);
}

/** The path of a table, "-" for standard input, or "sample". Throws a UserError unless exactly one is named. */
function sourceOf(input: string | undefined, flags: PredictFlags): string {
  const { data, image, text, features, input: inputs } = flags;
  const isSample = [image, text, features, inputs].some((flag) => flag !== undefined);
  const given = [input !== undefined, data !== undefined, isSample].filter(Boolean).length;
  if (given !== 1) {
    throw new UserError(
      `Say what to predict, in one way: --data FILE (${tableEndings()}), - for standard input, or one sample by --image, ` +
        "--text, --features or --input",
    );
  }
  if (isSample) return "sample";
  if (input !== undefined && input !== "-") {
    throw new UserError(
      `Cannot predict "${input}": give a table as --data ${input}, or - for standard input`,
    );
  }
  return data === undefined ? "-" : tablePath(data);
}

/** How a table is read, as far as flags say it. Throws a UserError for an encoding or a delimiter that is none. */
function readingOf({ encoding, delimiter }: PredictFlags): TableReading {
  if (encoding !== undefined && !isEncoding(encoding)) {
    throw new UserError(
      `--encoding takes a name of the Encoding Standard, such as latin1 or utf-16, got "${encoding}"`,
    );
  }
  if (delimiter !== undefined && !DELIMITER.test(delimiter)) {
    throw new UserError(`--delimiter takes a single character, or "tab", got "${delimiter}"`);
  }
  return { ...(encoding !== undefined && { encoding }), ...(delimiter !== undefined && { delimiter }) };
}

/** The row that flags describe. Throws a UserError where they are not what the model reads. */
function sampleOf(session: PredictSession, flags: PredictFlags): StreamedRow {
  const named = pairs("--input", flags.input) as Record<string, string>;
  for (const kind of ["image", "text", "features"] as const) {
    const value = flags[kind];
    if (value === undefined) continue;
    const own = session.modalities.filter((modality) => modality.kind === kind);
    if (own.length !== 1) {
      const names = session.modalities.map(({ name, kind }) => `${name} (${kind})`).join(", ");
      throw new UserError(
        `--${kind} is for a model that reads one of them; this one reads ${names}: use --input NAME=VALUE`,
      );
    }
    named[own[0]!.name] = value;
  }
  session.columns(named);
  const missing = session.modalities.filter(({ name }) => !(name in named));
  if (missing.length > 0 && !session.mayLack) {
    throw new UserError(
      `The model reads ${session.modalities.map(({ name }) => name).join(" and ")}; give ${
        missing.map(({ name, kind }) => name === kind ? `--${kind}` : `--input ${name}=…`).join(" and ")
      } too`,
    );
  }
  return { line: 1, values: named };
}

async function predictSample(
  session: PredictSession,
  row: StreamedRow,
  options: Omit<PredictRowsOptions, "source" | "batchSize">,
): Promise<PredictedRows> {
  async function* rows() {
    yield await Promise.resolve(row);
  }
  const { modalities, mayLack } = session;
  using reader = new InputReader(modalities, {}, typedPath, { mayLack });
  return await predictRows(session, reader, rows(), { ...options, source: "input", batchSize: 1 });
}

/** `name=value` flags. Throws a UserError for one that is none. */
function pairs(flag: string, given: readonly string[] = []): Columns {
  return Object.fromEntries(given.map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UserError(`${flag} takes name=value, got "${text}"`);
    return [text.slice(0, at), text.slice(at + 1)];
  }));
}

/** The format that the flag says, else the name of the output; else a table for people. */
function formatOf({ format, out }: PredictFlags): OutputFormat {
  if (format !== undefined) return format;
  if (out === undefined) return "table";
  const named = tableFormat(out);
  if (named === "csv" || named === "jsonl") return named;
  throw new UserError(`--out ${out} must be a .csv or .jsonl file, or say --format`);
}
