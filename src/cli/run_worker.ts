/** The side of the worker of `SideBySide`: makes one run at a time, on a device of its own, and tells how it went. */
import { Interrupted } from "../base/interrupt.ts";
import { RunsFolder } from "../experiments/experiment_folder.ts";
import { AdapterError } from "../gpu/adapter.ts";
import type { Observer } from "../runs/records.ts";
import type { ReadyRun, RunsFlags } from "./planned_runs.ts";
import { type Failure, type Goal, RunMaker } from "./run_maker.ts";

/** What a worker is told: first where and how, then runs, and at last perhaps to stop. */
export type Told =
  | { readonly folder: string; readonly flags: RunsFlags }
  | { readonly run: ReadyRun; readonly goal: Goal }
  | { readonly stop: true };

/** What a worker tells: notes, then how its run ended. */
export type Tells =
  | { readonly note: string }
  | { readonly failure: Failure | undefined }
  | { readonly ended: keyof typeof ENDS; readonly message: string };

/** What keeps all runs from being made. */
export const ENDS = { Interrupted, AdapterError };

const worker = self as unknown as {
  onmessage: (event: MessageEvent<Told>) => void;
  postMessage(message: Tells): void;
};

const nothing = () => {};
/** Bars and epochs of runs side by side would be a muddle. */
const observer: Observer = {
  planned: nothing,
  measured: nothing,
  progressed: nothing,
  epochEnded: nothing,
  note: (note) => worker.postMessage({ note }),
};

const stop = new AbortController();
let maker: RunMaker | undefined;

worker.onmessage = async ({ data }) => {
  if ("stop" in data) return stop.abort();
  if ("folder" in data) return void (maker = new RunMaker(new RunsFolder(data.folder), observer, data.flags));
  try {
    worker.postMessage({ failure: await maker!.make(data.run, data.goal, stop.signal) });
  } catch (error) {
    const ended = Object.keys(ENDS).find((name) => error instanceof ENDS[name as keyof typeof ENDS]);
    if (ended === undefined) throw error;
    worker.postMessage({ ended: ended as keyof typeof ENDS, message: (error as Error).message });
  }
};
