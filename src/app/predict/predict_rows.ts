/** Predicts a stream of rows and writes what is asked for: answers, representations, and how good they are. */
import { UserError } from "../../base/user_error.ts";
import type { StreamedRow } from "../../data/readers/table_format.ts";
import type { Temperatures } from "../../metrics/calibration.ts";
import { answerRows, calibrated, whyNoAnswer } from "./answers.ts";
import type { EmbeddingsFile } from "./embeddings.ts";
import type { Explanations } from "./explanations.ts";
import type { InputReader } from "./inputs.ts";
import { LabelledAnswers, type MeasuredAnswers } from "./labelled_answers.ts";
import type { PredictSession } from "./session.ts";
import type { AnswerWriter } from "./writers.ts";

export interface PredictRowsOptions {
  /** The name of the source of the rows in messages: "items.csv". */
  readonly source: string;
  readonly batchSize: number;
  /** True: rows that cannot be used are left out. */
  readonly skipBad: boolean;
  readonly writer: AnswerWriter;
  /** Takes the text of the answers, as it comes. */
  readonly print: (text: string) => void;
  readonly embeddings?: EmbeddingsFile;
  /** Where answers are explained. */
  readonly explanations?: Explanations;
  /** Those that calibrate what is written; none if not given. Measures are of what the heads give. */
  readonly temperatures?: Temperatures;
  /** The column that names rows in `embeddings`; their lines if not given. */
  readonly idColumn?: string;
  /** The column of the label, or those of several labels, where rows have them. */
  readonly labelColumn?: string | readonly string[];
  readonly progress?: (rows: number) => void;
  readonly signal?: AbortSignal;
}

export interface PredictedRows extends MeasuredAnswers {
  readonly rows: number;
  /** Lines that say which rows were left out, and why. */
  readonly refused: readonly string[];
}

/** Throws a UserError that names the rows that cannot be used, unless they are skipped. */
export async function predictRows(
  session: PredictSession,
  reader: InputReader,
  rows: AsyncIterable<StreamedRow>,
  options: PredictRowsOptions,
): Promise<PredictedRows> {
  const { source, batchSize, skipBad, writer, print, embeddings, explanations, signal } = options;
  const refused: { line: number; text: string }[] = [];
  const labelled = new LabelledAnswers(session, options.labelColumn);
  let count = 0;
  const refuse = ({ file = source, line }: StreamedRow, why: string) =>
    refused.push({ line, text: `${file}, row ${line}: ${why}` });
  const mustBeSound = () => {
    if (skipBad || refused.length === 0) return;
    const [first, ...others] = refused.toSorted((a, b) => a.line - b.line);
    const more = others.length > 0 ? ` (and ${others.length} more near it)` : "";
    throw new UserError(`${first!.text}${more}; --skip-bad leaves such rows out`);
  };
  const answers = answerRows(session.model, reader, rows, {
    batchSize,
    withRepresentations: embeddings !== undefined,
    refused: refuse,
    prepared: mustBeSound,
    ...(explanations && { explain: (batch, rows) => explanations.of(batch, rows) }),
    ...(signal && { signal }),
  });
  for await (const answer of answers) {
    const why = whyNoAnswer(answer);
    if (why !== undefined) {
      refuse(answer.row, why);
      mustBeSound();
      continue;
    }
    print(writer.write(calibrated(answer, session.task, options.temperatures ?? {})));
    embeddings?.add(idOf(answer.row, options.idColumn), answer.representations);
    labelled.add(answer);
    count++;
    options.progress?.(count);
  }
  print(writer.end());
  return {
    rows: count,
    refused: refused.toSorted((a, b) => a.line - b.line).map(({ text }) => text),
    ...labelled.result(),
  };
}

function idOf({ line, values }: StreamedRow, column: string | undefined): string {
  return column === undefined ? String(line) : String(values[column] ?? "");
}
