/** Answers of a model to a stream of rows, in their order, in flat memory. */
import { pause, throwIfInterrupted } from "../../base/interrupt.ts";
import { release } from "../../base/release.ts";
import { type Batch, releaseBatch } from "../../data/batch.ts";
import type { StreamedRow } from "../../data/readers/table_format.ts";
import type { TaskName } from "../../data/targets.ts";
import type { Temperatures } from "../../metrics/calibration.ts";
import { answerSettings, taskOf } from "../../config/task_config.ts";
import type { Values } from "../../metrics/answers.ts";
import { TASK_MEASURES } from "../../metrics/tasks/registry.ts";
import { capture } from "../../tensor/scope.ts";
import { noGrad } from "../../tensor/tape.ts";
import { readTensors, type Tensor } from "../../tensor/tensor.ts";
import { presentIn } from "../../train/evaluation.ts";
import type { Predictor } from "../../train/predictor.ts";
import type { ShownExplanation } from "./explanations.ts";
import type { PreparedSample } from "./growing_batch.ts";
import type { InputReader } from "./inputs.ts";
import { preparedBatches } from "./prepared_batches.ts";

/** The answer of a model to a row. */
export interface Answer {
  readonly row: StreamedRow;
  /** By head; as the heads give them, unless it was `calibrated`. Of a head whose modality the row lacks, none at all. */
  readonly probabilities: ReadonlyMap<string, Float64Array>; // [classes]; in regression the number alone
  /** By head: the class, 1 or 0 for every label, or the number; as above. */
  readonly predicted: ReadonlyMap<string, Values>;
  /** By encoder, where they are wanted. */
  readonly representations: ReadonlyMap<string, Float32Array>; // [width]
  readonly explanation?: ShownExplanation;
}

/** Why there is no answer to a sample; undefined where there is one. Features far beyond those of training may overflow. */
export function whyNoAnswer({ probabilities }: Answer): string | undefined {
  const heads = Array.from(probabilities).filter(([, own]) => !own.every(Number.isFinite));
  if (heads.length === 0) return undefined;
  return `the model's numbers overflow, so ${heads.map(([head]) => head).join(", ")} cannot say anything`;
}

/** The answer of a run of a task, with the probabilities of heads that have a temperature calibrated by it. */
export function calibrated(answer: Answer, task: TaskName, temperatures: Temperatures): Answer {
  const { calibration } = TASK_MEASURES[task];
  if (calibration === undefined) return answer;
  const probabilities = Array.from(
    answer.probabilities,
    ([head, own]) => [head, calibration.withTemperature(own, own.length, temperatures[head] ?? 1)] as const,
  );
  return { ...answer, probabilities: new Map(probabilities) };
}

export interface AnswerOptions {
  readonly batchSize: number;
  readonly withRepresentations?: boolean;
  /** Explains the answers to the rows of a batch, where that is wanted. */
  readonly explain?: (batch: Batch, rows: readonly StreamedRow[]) => Promise<readonly ShownExplanation[]>;
  /** Told of each row that cannot be used, in their order. */
  readonly refused: (row: StreamedRow, reason: string) => void;
  /** Called when the rows of a batch have been read, refused or not; what it throws ends the stream. */
  readonly prepared?: () => void;
  readonly signal?: AbortSignal;
}

const NONE = new Float64Array(0);

/** Batches whose results wait on the device before they are read: a read costs a wait, however much it reads. */
const PER_READ = 4;

interface Waiting {
  readonly rows: readonly StreamedRow[];
  /** Which rows have the modality of a head: see `presentIn`. */
  readonly present: ReadonlyMap<string, ArrayLike<number>>;
  readonly logits: Readonly<Record<string, Tensor>>;
  readonly representations: Readonly<Record<string, Tensor>>;
  readonly explanations?: readonly ShownExplanation[];
}

/** `signal` ends it early by an `Interrupted`. */
export async function* answerRows(
  model: Predictor,
  reader: InputReader,
  rows: AsyncIterable<StreamedRow>,
  options: AnswerOptions,
): AsyncGenerator<Answer> {
  const { withRepresentations = false, signal } = options;
  let waiting: Waiting[] = [];
  try {
    for await (const { rows: own, batch } of preparedBatches(reader, rows, options)) {
      await pause();
      throwIfInterrupted(signal);
      options.prepared?.();
      if (own.length === 0) continue;
      const { logits, representations } = capture(() => noGrad(() => model.answer(batch)));
      if (!withRepresentations) { for (const tensor of Object.values(representations)) tensor.dispose(); }
      const answered = {
        rows: own,
        present: presentIn(batch, model.config),
        logits,
        representations: withRepresentations ? representations : {},
      };
      waiting.push(answered);
      model.gpu.flush();
      if (options.explain) {
        waiting[waiting.length - 1] = { ...answered, explanations: await options.explain(batch, own) };
      }
      releaseBatch(batch); // the device has its copy
      if (waiting.length < PER_READ) continue;
      yield* await read(waiting, model);
      waiting = [];
    }
    yield* await read(waiting, model);
    waiting = [];
  } finally {
    for (const { logits, representations } of waiting) {
      for (const tensor of [...Object.values(logits), ...Object.values(representations)]) tensor.dispose();
    }
  }
}

/** The answers to some rows at once. */
export async function answerBatch(
  model: Predictor,
  reader: InputReader,
  rows: readonly StreamedRow[],
  samples: readonly PreparedSample[],
): Promise<Answer[]> {
  const growing = reader.grow(samples.length);
  for (const [row, sample] of samples.entries()) growing.put(row, sample);
  const batch = growing.finish([...samples.keys()]);
  const logits = capture<Record<string, Tensor>>(() => noGrad(() => model.logits(batch)));
  const present = presentIn(batch, model.config);
  releaseBatch(batch);
  return [...await read([{ rows, present, logits, representations: {} }], model)];
}

/** Reads what waits, and frees it; the answers are made one by one as they are asked for. */
async function read(waiting: readonly Waiting[], model: Predictor): Promise<Iterable<Answer>> {
  const tensors = waiting.flatMap((one) => [
    ...Object.values(one.logits),
    ...Object.values(one.representations),
  ]);
  if (tensors.length === 0) return [];
  const arrays = await readTensors(tensors) as Float32Array[];
  for (const tensor of tensors) tensor.dispose();
  return answersOf(waiting, arrays, model);
}

/** `arrays` are those of all tensors of `waiting`, in their order. */
function* answersOf(
  waiting: readonly Waiting[],
  arrays: readonly Float32Array[],
  { config: { data, training }, classes, scale }: Predictor,
): Generator<Answer> {
  const { answer } = TASK_MEASURES[taskOf(data)];
  const settings = answerSettings(training, scale);
  let next = 0;
  for (const { rows, present, logits, representations, explanations } of waiting) {
    const heads = Object.keys(logits).map((head) => {
      const own = arrays[next++]!;
      const { probabilities, predicted } = answer(own, classes, settings);
      release(own);
      return [head, probabilities, predicted] as const;
    });
    const encoders = Object.keys(representations).map((name) => [name, arrays[next++]!] as const);
    for (const [i, row] of rows.entries()) {
      yield {
        row,
        probabilities: new Map(
          heads.map(([head, all]) => [head, present.get(head)?.[i] === 0 ? NONE : part(all, i, rows.length)]),
        ),
        predicted: new Map(
          heads.map(([head, _, all]) => [
            head,
            present.get(head)?.[i] === 0 ? NONE : part(all, i, rows.length),
          ]),
        ),
        representations: new Map(encoders.map(([name, all]) => [name, part(all, i, rows.length)])),
        ...(explanations && { explanation: explanations[i]! }),
      };
    }
  }
}

function part<T extends Float32Array | Values>(all: T, row: number, rows: number): T {
  const width = all.length / rows;
  return all.subarray(row * width, (row + 1) * width) as T;
}
