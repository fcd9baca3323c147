/**
 * A model of a step on a card: each dispatch takes what its arithmetic or its bytes take at least, whichever is more. It
 * leaves out caches, latency and clocks, so it bounds from below and compares; nothing of it is measured.
 */
import type { RecordedDispatch } from "./record_step.ts";

export interface Card {
  readonly name: string;
  /** 10¹² f32 additions and multiplications a second, where every lane does one multiply-add a clock. */
  readonly teraflops: number;
  /** 10⁹ bytes a second of its memory. */
  readonly gigabytes: number;
  /** Multiprocessors, compute units: whatever a workgroup runs on. */
  readonly multiprocessors: number;
}

/** By what is known of a kernel: the share of a card's peak at which its arithmetic runs. */
export type EfficiencyOf = (dispatch: RecordedDispatch) => number;

/** The share of a card's bandwidth that kernels reach which move bytes. */
const BANDWIDTH_SHARE = 0.8;
/** A dispatch that waits for the one before it takes this long whatever it does, in microseconds. */
export const LEAST_MICROSECONDS = 3;

export interface DispatchModel {
  /** Microseconds at the card's peaks. */
  readonly ideal: number;
  /** Microseconds in the model. */
  readonly model: number;
  readonly bound: "arithmetic" | "memory" | "launch";
}

/** Whole workgroups on the multiprocessor that has the most of them, over those that it would have if they could be cut. */
export function quantisation({ grid }: RecordedDispatch, { multiprocessors }: Card): number {
  const each = grid[0] * grid[1] * grid[2] / multiprocessors;
  return Math.ceil(each) / each;
}

export function modelOf(dispatch: RecordedDispatch, card: Card, efficiencyOf: EfficiencyOf): DispatchModel {
  const { operations, bytes } = dispatch;
  const atPeak = { arithmetic: operations / (card.teraflops * 1e6), memory: bytes / (card.gigabytes * 1e3) };
  const times = {
    arithmetic: operations === 0
      ? 0
      : atPeak.arithmetic / efficiencyOf(dispatch) * quantisation(dispatch, card),
    memory: atPeak.memory / BANDWIDTH_SHARE,
    launch: LEAST_MICROSECONDS,
  };
  const bounds = ["arithmetic", "memory", "launch"] as const;
  const bound = bounds.reduce((longest, one) => times[one] > times[longest] ? one : longest);
  return { ideal: Math.max(atPeak.arithmetic, atPeak.memory), model: times[bound], bound };
}

/** Dispatches together: of one kernel, or of the step. Times are in milliseconds. */
export interface Share {
  readonly dispatches: number;
  readonly operations: number;
  readonly bytes: number;
  readonly ideal: number;
  readonly model: number;
  /** Dispatches that are bound by being launched. */
  readonly short: number;
  /** Operations that would have been done in the time that whole workgroups take. */
  readonly rounded: number;
}

/** The step in all, and by label, from the one that takes longest. `labelOf` names a dispatch's group. */
export function roofline(
  dispatches: readonly RecordedDispatch[],
  card: Card,
  efficiencyOf: EfficiencyOf,
  labelOf: (dispatch: RecordedDispatch) => string,
): { step: Share; groups: [string, Share][] } {
  const shareOf = (members: readonly RecordedDispatch[]): Share => {
    const models = members.map((dispatch) => modelOf(dispatch, card, efficiencyOf));
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    return {
      dispatches: members.length,
      operations: sum(members.map(({ operations }) => operations)),
      bytes: sum(members.map(({ bytes }) => bytes)),
      ideal: sum(models.map(({ ideal }) => ideal)) / 1000,
      model: sum(models.map(({ model }) => model)) / 1000,
      short: models.filter(({ bound }) => bound === "launch").length,
      rounded: sum(members.map((dispatch) => dispatch.operations * quantisation(dispatch, card))),
    };
  };
  const groups = [...Map.groupBy(dispatches, labelOf)]
    .map(([label, members]): [string, Share] => [label, shareOf(members)])
    .sort(([, a], [, b]) => b.model - a.model);
  return { step: shareOf(dispatches), groups };
}
