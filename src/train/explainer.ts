/** Explains answers of a model: by attention rollout which tokens they are of, by Shapley values which modalities. */
import { UserError } from "../base/user_error.ts";
import { type Batch, type ModalityBatch, placeIn, type TextBatch } from "../data/batch.ts";
import type { ModalityPreprocessing, TextPreprocessing } from "../data/preprocessing.ts";
import { answerSettings, taskOf } from "../config/task_config.ts";
import type { TaskName } from "../data/targets.ts";
import type { Values } from "../metrics/answers.ts";
import type { Temperatures } from "../metrics/calibration.ts";
import { TASK_MEASURES } from "../metrics/tasks/registry.ts";
import type { Encoder } from "../models/encoders/encoder.ts";
import { MOST_PLAYERS, shapleyValues } from "../metrics/shapley.ts";
import type { MeanRepresentations } from "../runs/mean_representations.ts";
import { capture } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { readTensors, type Tensor } from "../tensor/tensor.ts";
import type { Predictor } from "./predictor.ts";

/** A token of a text, and how much of it comes into what its encoder makes, if tokens of the text alone count. */
export interface TokenWeight {
  readonly token: string;
  readonly weight: number;
}

/** The same of the patches of an image, row by row. */
export interface PatchWeights {
  readonly rows: number;
  readonly columns: number;
  readonly weights: readonly number[]; // [rows · columns], or none
}

/** One thing that an answer says: its class, one of its labels, or its number. */
export interface Told {
  /** The number of the class or label; 0 of a number. */
  readonly answer: number;
  /** The probability of the class or label, or the number. */
  readonly value: number;
  /**
   * What that would be if every modality had its mean representation, or were missing where that may be; there where modalities
   * have shares.
   */
  readonly base?: number;
  /** What each modality adds to it: base + Σ shares = value. */
  readonly shares?: Readonly<Record<string, number>>;
}

/** Why the model answers as it does: of its last head, which gives the answer. */
export interface Explanation {
  readonly head: string;
  /** The modalities that have shares. */
  readonly modalities: readonly string[];
  /** The class, all labels that are given, or the number. */
  readonly told: readonly Told[];
  /** Of a modality that the sample lacks there are none, and no weights of patches. */
  readonly tokens: Readonly<Record<string, readonly TokenWeight[]>>;
  readonly patches: Readonly<Record<string, PatchWeights>>;
}

export interface ExplainerParts {
  readonly model: Predictor;
  /** As they were fitted: what tokens are called. */
  readonly modalities: readonly ModalityPreprocessing[];
  /** Without them modalities have no shares, unless samples may lack some. */
  readonly means: MeanRepresentations | undefined;
  readonly temperatures: Temperatures;
}

/** The numbers of what an answer says, by the task. */
const TOLD: Readonly<Record<TaskName, (predicted: Values) => number[]>> = {
  classification: ([answer]) => [answer!],
  multi_label: (given) => [...given.keys()].filter((label) => given[label] === 1),
  regression: () => [0],
};

/** Samples of a batch whose probabilities of attention the memory has room for. */
export const EXPLAINED_AT_ONCE = 16;

export class Explainer {
  readonly #parts: ExplainerParts;
  /** Whether modalities have shares. */
  readonly hasShares: boolean;

  /** Throws a UserError for a model of which nothing can be told: where modalities meet before they have representations. */
  constructor(parts: ExplainerParts) {
    const { model: { model, config: { method } }, means } = parts;
    const joint = Object.entries(model.encoders).find(([, { inputs }]) => Object.keys(inputs).length > 1);
    const isFused = model.heads.length > model.modalities.length;
    if (joint !== undefined || (isFused && !model.takesRepresentations)) {
      const [name, encoder] = joint ?? [];
      const why = encoder === undefined
        ? "modalities meet within its encoding"
        : `"${name}" reads ${Object.keys(encoder.inputs).join(" and ")} together`;
      throw new UserError(
        `Cannot explain answers of ${method}: ${why}, so that none has a representation of its own to be left out`,
      );
    }
    if (isFused && model.modalities.length > MOST_PLAYERS) {
      throw new UserError(
        `Cannot explain answers of ${model.modalities.length} modalities: shares are of at most ${MOST_PLAYERS}`,
      );
    }
    const can = ({ patches, inputs }: Encoder) =>
      patches !== undefined || Object.values(inputs).includes("text");
    if (!isFused && !Object.values(model.encoders).some(can)) {
      throw new UserError(
        `Cannot explain answers of ${method}: it is all there is, and its encoder attends to no tokens`,
      );
    }
    this.#parts = parts;
    this.hasShares = isFused && (means !== undefined || model.config.missing !== undefined);
  }

  /** Explains the answers to the samples of a batch, one after the other. */
  async explain(batch: Batch): Promise<Explanation[]> {
    const { model, means } = this.#parts;
    const { logits, rollouts, coalitions } = capture(() =>
      noGrad(() => model.explain(batch, this.hasShares, means))
    );
    const head = model.heads.at(-1)!;
    const all: Tensor[] = [
      ...Object.values(logits),
      ...Object.values(rollouts),
      ...(coalitions ? [coalitions] : []),
    ];
    try {
      const [own, together, ...weights] = await readTensors([
        logits[head]!,
        coalitions ?? logits[head]!,
        ...Object.values(rollouts),
      ]) as Float32Array[];
      const task = taskOf(model.config.data);
      const { predicted } = this.#answers(own!);
      const width = predicted.length / batch.size;
      const { values } = this.#answers(coalitions ? together! : own!);
      const byEncoder = new Map(Object.keys(rollouts).map((name, i) => [name, weights[i]!]));
      return Array.from({ length: batch.size }, (_, row) => ({
        head,
        modalities: this.hasShares ? model.model.modalities : [],
        told: TOLD[task](predicted.subarray(row * width, (row + 1) * width))
          .map((answer) => this.#told(values, batch.size, row, answer)),
        ...this.#weights(byEncoder, batch, row),
      }));
    } finally {
      for (const tensor of all) tensor.dispose();
    }
  }

  /** What the last head answers, and its probabilities, calibrated where it is, or numbers: [rows, classes]. */
  #answers(logits: Float32Array): { predicted: Values; values: Float64Array } {
    const { model: { classes, heads, config: { data, training }, scale }, temperatures } = this.#parts;
    const { answer, calibration } = TASK_MEASURES[taskOf(data)];
    const { predicted, probabilities } = answer(logits, classes, answerSettings(training, scale));
    const temperature = temperatures[heads.at(-1)!] ?? 1;
    const values = calibration?.withTemperature(probabilities, classes, temperature) ?? probabilities;
    return { predicted, values };
  }

  /** `values` are those of every coalition, the last being all: [coalitions, batch, classes]. */
  #told(values: Float64Array, batch: number, row: number, answer: number): Told {
    const { model: { classes, model: { modalities } } } = this.#parts;
    const coalitions = values.length / batch / classes;
    const own = Array.from(
      { length: coalitions },
      (_, coalition) => values[(coalition * batch + row) * classes + answer]!,
    );
    const value = own.at(-1)!;
    if (!this.hasShares) return { answer, value };
    const shares = shapleyValues(own);
    return {
      answer,
      value,
      base: own[0]!,
      shares: Object.fromEntries(modalities.map((name, i) => [name, shares[i]!])),
    };
  }

  /** `rollouts` are by encoder, of the samples that have its modality: [samples, tokens]. */
  #weights(
    rollouts: ReadonlyMap<string, Float32Array>,
    batch: Batch,
    row: number,
  ): Pick<Explanation, "tokens" | "patches"> {
    const { model: { model }, modalities } = this.#parts;
    const tokens: Record<string, readonly TokenWeight[]> = {};
    const patches: Record<string, PatchWeights> = {};
    for (const [encoder, { patches: grid }] of Object.entries(model.encoders)) {
      const name = Object.values(model.reads[encoder]!)[0]!;
      const input = batch.modalities[name]!;
      const own = weightsAt(rollouts.get(encoder), batch, input, row);
      if (grid !== undefined) {
        const [rows, columns] = grid;
        patches[name] = {
          rows,
          columns,
          weights: own ? parts(own.subarray(own.length - rows * columns)) : [],
        };
      } else if (input.kind === "text") {
        const fitted = modalities.find((modality) => modality.name === name) as TextPreprocessing | undefined;
        tokens[name] = own && fitted ? tokensOf(input, placeIn(input, row)!, own, fitted) : [];
      }
    }
    return { tokens, patches };
  }
}

/** Those of a sample; undefined where it lacks the modality, or its encoder attends to nothing. */
function weightsAt(
  all: Float32Array | undefined,
  { size }: Batch,
  input: ModalityBatch,
  row: number,
): Float32Array | undefined {
  const place = placeIn(input, row);
  if (all === undefined || place === undefined) return undefined;
  const width = all.length / (input.present?.reduce((sum, one) => sum + one, 0) ?? size);
  return all.subarray(place * width, (place + 1) * width);
}

/** The tokens of the text at a place, but those that stand around every text. */
function tokensOf(
  input: TextBatch,
  place: number,
  weights: Float32Array,
  { tokenizer }: TextPreprocessing,
): TokenWeight[] {
  const { padId, classId, separatorId } = tokenizer;
  const ids = input.ids.subarray(place * input.tokens, (place + 1) * input.tokens);
  const places = [...ids.keys()].filter((at) => ![padId, classId, separatorId].includes(ids[at]!));
  const shares = parts(places.map((at) => weights[at]!));
  return places.map((at, i) => ({ token: tokenizer.textOf(ids[at]!), weight: shares[i]! }));
}

/** Each as a part of their sum. */
function parts(weights: ArrayLike<number>): number[] {
  const own = Array.from(weights);
  const sum = own.reduce((total, weight) => total + weight, 0);
  return own.map((weight) => sum > 0 ? weight / sum : 0);
}
