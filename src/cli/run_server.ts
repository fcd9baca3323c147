/** The side of those who make runs for somebody else, one at a time, and tell how each went. */
import { Interrupted } from "../base/interrupt.ts";
import { RunsFolder } from "../experiments/experiment_folder.ts";
import { AdapterError } from "../gpu/adapter.ts";
import type { Observer } from "../runs/records.ts";
import type { ReadyRun, RunsFlags } from "./planned_runs.ts";
import { type Failure, type Goal, RunMaker } from "./run_maker.ts";

/** What it is told: first where and how, then runs, and at last perhaps to stop. */
export type Told =
  | { readonly folder: string; readonly flags: RunsFlags }
  | { readonly run: ReadyRun; readonly goal: Goal }
  | { readonly stop: true };

/** What it tells: notes, then how its run ended. */
export type Tells =
  | { readonly note: string }
  | { readonly failure: Failure | undefined }
  | { readonly ended: keyof typeof ENDS; readonly message: string };

/** What keeps all runs from being made. */
export const ENDS = { Interrupted, AdapterError };

const nothing = () => {};

export class RunServer implements Disposable {
  readonly #tell: (message: Tells) => void;
  readonly #stop = new AbortController();
  #maker: RunMaker | undefined;

  constructor(tell: (message: Tells) => void) {
    this.#tell = tell;
  }

  /** Does what it is told. Rejects with what nobody expects of a run. */
  async told(message: Told): Promise<void> {
    if ("stop" in message) return this.stop();
    if ("folder" in message) {
      this.#maker = new RunMaker(new RunsFolder(message.folder), this.#observer, message.flags);
      return;
    }
    try {
      this.#tell({ failure: await this.#maker!.make(message.run, message.goal, this.#stop.signal) });
    } catch (error) {
      const ended = Object.keys(ENDS).find((name) => error instanceof ENDS[name as keyof typeof ENDS]);
      if (ended === undefined) throw error;
      this.#tell({ ended: ended as keyof typeof ENDS, message: (error as Error).message });
    }
  }

  /** Has the run under way saved and ended, and no other begun. */
  stop(): void {
    this.#stop.abort();
  }

  [Symbol.dispose](): void {
    this.#maker?.[Symbol.dispose]();
  }

  /** Bars and epochs of runs side by side would be a muddle. */
  get #observer(): Observer {
    return {
      planned: nothing,
      measured: nothing,
      progressed: nothing,
      epochEnded: nothing,
      note: (note) => this.#tell({ note }),
    };
  }
}
