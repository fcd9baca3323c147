/**
 * Speed beside that of others who compute on WebGPU from JavaScript.
 *   deno task bench:peers [--rounds N] [--only WORK,...] [--small] [--debug]
 * A row of the table is one kind of work. Every library does it in a process of its own, and they take turns: one round
 * each, then the next round. What stands in the table are medians over the rounds, less the wait for an idle device.
 * A library takes part only where its results agree with ours; ends with 1 where one does not, or fails.
 * WORK is how a kind of work starts: gemm, softmax, layer-norm, mlp, block, conv. --small: sizes that show only that
 * everything runs. --debug: what the libraries print is shown.
 */
import { parseArgs } from "node:util";
import { formatTable } from "../../../src/report/table.ts";
import config from "./deno.json" with { type: "json" };
import { difference, Process } from "./process.ts";
import { describe, FULL, SMALL, type Work, WORK_NAMES, type WorkName } from "./work.ts";

interface Library {
  readonly name: string;
  readonly script: string;
}

/** All others are compared with the first. */
const LIBRARIES: readonly Library[] = [
  { name: "ours", script: "ours.ts" },
  { name: "jax-js", script: "jax.ts" },
  { name: "tfjs", script: "tfjs.ts" },
  { name: "ort-web", script: "ort.ts" },
];
/** Calls of a round go on for about this long, or there is only one. */
const ROUND_MILLISECONDS = 300;
/** By this share of the largest value results may differ. */
const TOLERANCE = 1e-3;

const { values: { rounds: roundsGiven, only, small, debug } } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    only: { type: "string", default: "" },
    small: { type: "boolean", default: false },
    debug: { type: "boolean", default: false },
  },
});
const rounds = Number(roundsGiven);
const names = WORK_NAMES.filter((name) => only.split(",").some((start) => name.startsWith(start)));
if (!(Number.isInteger(rounds) && rounds > 0) || names.length === 0) {
  console.error(
    `--rounds takes a number of rounds; --only takes some of ${WORK_NAMES.join(", ")}`,
  );
  Deno.exit(2);
}
const sizes = small ? SMALL : FULL;
const adapters = new Set<string>();

/** One library in one row. */
class Contestant {
  readonly library: Library;
  readonly #process: Process;
  readonly #times: number[] = [];
  #results: readonly string[] = [];
  #idle = 0;
  #calls = 1;
  /** Why it takes no part, or no more. */
  reason: string | undefined;
  /** True where that should not be so. */
  isFault = false;
  /** How far its results are from ours. */
  difference: number | undefined;

  constructor(library: Library, name: WorkName) {
    this.library = library;
    this.#process = new Process(library.script, name, { size: small ? "small" : "full", debug });
  }

  /** Waits for its results, compares them with those of `ours`, and finds how many calls make a round. */
  prepare(ours: Contestant): Promise<void> {
    return this.#attempt(async () => {
      const answer = await this.#process.answer();
      if (answer.kind === "unsupported") {
        this.reason = answer.reason;
        return;
      }
      if (answer.kind !== "ready") {
        throw new Error("reason" in answer ? answer.reason : "it spoke out of turn");
      }
      adapters.add(answer.adapter);
      this.#results = answer.results;
      if (this !== ours) {
        if (ours.reason !== undefined) throw new Error("there is nothing to compare it with");
        this.difference = difference(ours.#results, this.#process, ours.#process);
        if (!(this.difference <= TOLERANCE)) {
          throw new Error(`its results are ${this.difference} off ours`);
        }
      }
      const round = (calls: number) => this.#process.round(calls);
      this.#idle = Math.min(await round(0), await round(0), await round(0));
      this.#calls = Math.max(1, Math.round(ROUND_MILLISECONDS / Math.max(0.1, await round(1) - this.#idle)));
    });
  }

  async round(): Promise<void> {
    if (this.reason !== undefined) return;
    await this.#attempt(async () => {
      this.#times.push((await this.#process.round(this.#calls) - this.#idle) / this.#calls);
    });
  }

  /** Milliseconds of one call; undefined where there are none. */
  get milliseconds(): number | undefined {
    return this.reason === undefined
      ? this.#times.toSorted((a, b) => a - b)[this.#times.length >> 1]
      : undefined;
  }

  end(): Promise<void> {
    return this.#process.end();
  }

  async #attempt(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      this.reason = `failed: ${error instanceof Error ? error.message : error}`;
      this.isFault = true;
    }
  }
}

/** All libraries at one kind of work. Until all are prepared, none is timed. */
async function measure(name: WorkName): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  try {
    for (const library of LIBRARIES) {
      const contestant = new Contestant(library, name);
      contestants.push(contestant);
      await contestant.prepare(contestants[0]!);
    }
    for (let i = 0; i < rounds; i++) {
      for (const contestant of contestants) await contestant.round();
    }
  } finally {
    for (const contestant of contestants) await contestant.end();
  }
  return contestants;
}

/** A row of the table; adds to `notes` why a cell is empty. */
function rowOf(
  { title, operations, goal }: Work,
  contestants: readonly Contestant[],
  notes: string[],
): string[] {
  const cells = contestants.map(({ milliseconds, library, reason }) => {
    if (milliseconds === undefined) {
      const note = `${library.name}: ${reason}`;
      if (!notes.includes(note)) notes.push(note);
      return `– [${notes.indexOf(note) + 1}]`;
    }
    if (operations) return `${(operations / milliseconds / 1e6).toFixed(1)} GFLOP/s`;
    return `${milliseconds.toFixed(milliseconds < 100 ? 1 : 0)} ms`;
  });
  const [ours, ...peers] = contestants;
  const best = peers.filter(({ milliseconds }) => milliseconds !== undefined)
    .sort((a, b) => a.milliseconds! - b.milliseconds!)[0];
  const ratio = best && ours!.milliseconds && best.milliseconds! / ours!.milliseconds;
  return [
    title,
    ...cells,
    best?.library.name ?? "–",
    ratio ? `${ratio.toFixed(2)}×` : "–",
    goal ? `${goal}×` : "",
    goal && ratio ? (ratio >= goal ? "yes" : "no") : "",
  ];
}

const table = [["work", ...LIBRARIES.map(({ name }) => name), "best peer", "ratio", "goal", "met"]];
const notes: string[] = [];
let isFaulty = false;
for (const name of names) {
  const work = describe(name, sizes);
  const contestants = await measure(name);
  const differences = contestants.flatMap(({ library, difference }) =>
    difference === undefined ? [] : `${library.name} ${difference.toExponential(0)}`
  );
  console.error(`${work.title}: results differ from ours by ${differences.join(", ")}`);
  table.push(rowOf(work, contestants, notes));
  isFaulty ||= contestants.some(({ isFault }) => isFault);
}
const versions = Object.values(config.imports).filter((specifier) => !specifier.includes("protobufjs"));
console.log(`${[...adapters].join(" and ")}; medians of ${rounds} rounds`);
console.log(versions.map((specifier) => specifier.replace("npm:", "")).join(", "));
for (const line of formatTable(table)) console.log(line);
for (const [i, note] of notes.entries()) console.log(`[${i + 1}] ${note}`);
if (isFaulty) Deno.exit(1);
