/**
 * Two processes that do the same at once, of which one may be killed: on one run, one experiment, one file, or with one cache. No
 * lock outlives who held it.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../src/base/random.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { SMALL_OF_ALL } from "../../tests/app/small_runs.ts";
import { bytes, FakeHub, modelFiles } from "../../tests/io/hub_server.ts";
import type { AttackClass, Outcome } from "./attack.ts";
import { type CrashWork, experimentWork, reportOf, trainings, worksOn } from "./crash_works.ts";
import { differences } from "./same_run.ts";
import { ENVIRONMENT, program, writeImages, writeTexts } from "./tiny_training.ts";

/** What two processes do; all they make lies below `out`. */
interface Pair {
  readonly name: string;
  /** The words by which each is started. */
  both(out: string): string[][];
  /** Those by which what they have not made is made, one process after the other. */
  again(out: string): string[][];
  /** Said, with status 2, where nothing is left to do. */
  readonly isDone?: RegExp | undefined;
}

/** Seconds by which the second begins later, at most. */
const LAG = 0.5;
/** In which share of tries one is killed. */
const SHARE_OF_KILLS = 0.5;
/** Statuses, and what they mean; the last is that of a process which SIGKILL has ended. */
const ENDS: ReadonlyMap<number, string> = new Map([[0, "made it"], [2, "told why not"], [137, "killed"]]);
const KILLED = 137;
/** Bytes of the weights that the hub has, and of what it sends each so many milliseconds. */
const WEIGHTS = 4 << 20, PIECE = 64 << 10, PAUSE = 4;

export const two: AttackClass = {
  name: "two",
  what:
    "two processes do the same at once, on one run, experiment or file, or with one cache, and one of them may be killed: each makes " +
    "it or says in a line why not, nothing is damaged or left over, and what is typed again goes on",
  tries: { long: 98, short: 4 },
  async prepare(folder) {
    const hub = new FakeHub(modelFiles().set("model.safetensors", bytes(WEIGHTS)));
    const bench = new Bench(folder, hub);
    const table = writeTexts(folder);
    const [training] = trainings(table) as [CrashWork, CrashWork];
    const run = join(folder, "run");
    await bench.mustEndWell(program(training.first(run)), folder);
    const works = [experimentWork(folder), ...worksOn(run, table), reportOf(run)].map(onOne);
    // The short form makes one try each of the first.
    const pairs = [onOne(training), ofOneModel, withOneCacheOfImages(folder), ...works];
    return Object.assign(
      (number: number, random: Random) => bench.attempt(pairs[(number - 1) % pairs.length]!, random),
      { [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() },
    );
  },
};

const onOne = ({ name, first, again, isDone }: CrashWork): Pair => ({
  name,
  both: (out) => [program(first(out)), program(first(out))],
  again: (out) => [program(again(out))],
  isDone,
});

function withOneCacheOfImages(folder: string): Pair {
  const table = join(folder, "images.csv");
  writeImages(folder, table);
  const runs = (out: string) =>
    ["one", "other"].map((name) => {
      const run = join(out, name);
      if (RunFolder.isAt(run)) return program(["train", "--resume", run]);
      return program(["train", "--data", `table:${table}`, "--out", run, "--set", ...SMALL_OF_ALL]);
    });
  return { name: "two runs with one cache of images", both: runs, again: runs, isDone: /has finished/ };
}

const FETCH = [
  ...[Deno.execPath(), "run", "-A", "--no-check"],
  new URL("fetch_model.ts", import.meta.url).pathname,
];
const ofOneModel: Pair = { name: "one model of a hub", both: () => [FETCH, FETCH], again: () => [FETCH] };

interface Ended {
  readonly code: number;
  readonly said: string;
}

class Bench {
  readonly #folder: string;
  readonly #hub: FakeHub;
  readonly #references = new Map<Pair, { out: string; seconds: number }>();

  constructor(folder: string, hub: FakeHub) {
    this.#folder = folder;
    this.#hub = hub;
  }

  async attempt(pair: Pair, random: Random): Promise<Outcome> {
    const reference = await this.#reference(pair);
    const out = Deno.makeTempDirSync({ dir: this.#folder });
    this.#hub.faults.splice(0, Infinity, ...Array(8).fill(this.#slowly));
    const [lag, share] = [random.between(0, LAG), random.uniform()];
    const isKilled = random.uniform() < SHARE_OF_KILLS;
    const told = `${pair.name}, ${
      isKilled ? `one killed after ${(100 * share).toFixed(0)} % of its time` : "none killed"
    }`;
    try {
      const ends = await this.#bothEnded(pair, out, lag, isKilled ? share * reference.seconds : undefined);
      for (const { code, said } of ends) {
        const isTold = code === 2 && said.match(/^unis: /gm)?.length === 1 && !/^\s+at /m.test(said);
        if (code === 0 || isTold || (isKilled && code === KILLED)) continue;
        return { failed: `${told}: status ${code}: ${said}` };
      }
      const codes = ends.map(({ code }) => code);
      if (!codes.includes(0) && !codes.includes(KILLED)) {
        return { failed: `${told}: neither made it: ${ends.map(({ said }) => said).join("\n")}` };
      }
      await this.#finish(pair, out);
      const differ = differences(out, reference.out);
      if (differ.length > 0) return { failed: `${told}: ${differ.join(", ")}` };
      return { how: `${pair.name}: ${codes.map((code) => ENDS.get(code)).sort().join(", ")}` };
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  }

  async mustEndWell(words: readonly string[], out: string, isDone?: RegExp): Promise<void> {
    const { code, said } = await this.#started(words, out).ended;
    if (code !== 0 && !(code === 2 && isDone?.test(said))) throw new Error(`status ${code}: ${said}`);
  }

  /** What a pair makes where one follows the other, and how long the first takes. */
  async #reference(pair: Pair): Promise<{ out: string; seconds: number }> {
    const known = this.#references.get(pair);
    if (known !== undefined) return known;
    const out = Deno.makeTempDirSync({ dir: this.#folder });
    const begun = performance.now();
    await this.mustEndWell(pair.both(out)[0]!, out);
    const made = { out, seconds: (performance.now() - begun) / 1000 };
    await this.#finish(pair, out);
    this.#references.set(pair, made);
    return made;
  }

  async #finish(pair: Pair, out: string): Promise<void> {
    for (const words of pair.again(out)) await this.mustEndWell(words, out, pair.isDone);
  }

  /** Starts both, the second by so many seconds later; kills the first after so many, if they are given. */
  async #bothEnded(pair: Pair, out: string, lag: number, killed: number | undefined): Promise<Ended[]> {
    const [first, second] = pair.both(out) as [string[], string[]];
    const one = this.#started(first, out);
    const over = killed === undefined ? undefined : delay(1000 * killed).then(one.kill);
    await delay(1000 * lag);
    const other = this.#started(second, out);
    await over;
    return await Promise.all([one.ended, other.ended]);
  }

  #started(words: readonly string[], out: string): { ended: Promise<Ended>; kill: () => void } {
    const child = new Deno.Command(words[0]!, {
      args: words.slice(1),
      env: {
        ...ENVIRONMENT,
        UNIS_CACHE_DIR: join(out, "cache"),
        HF_HOME: join(out, "hub"),
        HF_ENDPOINT: this.#hub.endpoint,
      },
      cwd: this.#folder,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const text = new TextDecoder();
    const ended = child.output().then(({ code, stdout, stderr }) => ({
      code,
      said: text.decode(stdout) + text.decode(stderr),
    }));
    const kill = () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    };
    return { ended, kill };
  }

  /** Weights come in pieces, so that processes meet while they fetch them. */
  readonly #slowly = (request: Request, { pathname }: URL): Response | undefined => {
    if (pathname !== "/model.safetensors") return undefined;
    const content = this.#hub.files.get("model.safetensors")!;
    const range = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "");
    let at = Number(range?.[1] ?? 0);
    if (at >= content.length) return undefined;
    const headers = { "content-range": `bytes ${at}-${content.length - 1}/${content.length}` };
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        await delay(PAUSE);
        controller.enqueue(content.subarray(at, at + PIECE));
        at += PIECE;
        if (at >= content.length) controller.close();
      },
    });
    return new Response(body, range === null ? {} : { status: 206, headers });
  };
}
