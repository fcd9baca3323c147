/** Predicts a stream of rows and writes what is asked for: answers, representations, and how good they are. */
import { mustBeWritable, unwritable } from "../../io/file_bytes.ts";
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

/** Characters that are gathered before they are written; each takes three bytes at most. */
const GATHERED = 1 << 14;

/** Where text is written to and appears at the end, or not at all. */
export class PendingFile implements Disposable {
  readonly #path: string | undefined;
  readonly #temporary: string;
  readonly #file: Deno.FsFile;
  readonly #bytes = new Uint8Array(3 * GATHERED);
  /** What is not in the file yet. */
  #text = "";
  #isOpen = true;

  /** Standard output where no path is given. Throws a UserError where the file cannot be written. */
  constructor(path: string | undefined) {
    this.#path = path;
    if (path !== undefined) mustBeWritable(path);
    try {
      this.#temporary = path === undefined ? Deno.makeTempFileSync() : `${path}.${crypto.randomUUID()}.tmp`;
      this.#file = Deno.openSync(this.#temporary, { read: true, write: true, create: true, truncate: true });
    } catch (error) {
      throw unwritable(path ?? "a temporary file", error);
    }
  }

  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= GATHERED) this.#flush();
  }

  #flush(): void {
    for (let at = 0; at < this.#text.length;) {
      const { read, written } = new TextEncoder().encodeInto(this.#text.slice(at), this.#bytes);
      at += read;
      for (let done = 0; done < written;) done += this.#file.writeSync(this.#bytes.subarray(done, written));
    }
    this.#text = "";
  }

  /** Makes it appear. */
  finish(): void {
    this.#flush();
    if (this.#path === undefined) {
      this.#file.seekSync(0, Deno.SeekMode.Start);
      const bytes = new Uint8Array(1 << 16);
      for (let count = this.#file.readSync(bytes); count !== null; count = this.#file.readSync(bytes)) {
        for (let done = 0; done < count;) done += Deno.stdout.writeSync(bytes.subarray(done, count));
      }
    }
    this.#close();
    if (this.#path !== undefined) Deno.renameSync(this.#temporary, this.#path);
  }

  #close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }

  [Symbol.dispose](): void {
    this.#close();
    try {
      Deno.removeSync(this.#temporary);
    } catch {
      // It has taken its name.
    }
  }
}
