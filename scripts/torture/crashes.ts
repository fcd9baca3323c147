/** Commands that are killed while they write, or whose power fails: what is made by typing them again. */
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Random } from "../../src/base/random.ts";
import type { AttackClass, Outcome } from "./attack.ts";
import { type CrashWork, experimentWork, trainings, worksOn } from "./crash_works.ts";
import { type FileFaults, VARIABLE } from "./file_faults.ts";
import { differences } from "./same_run.ts";
import { ENVIRONMENT, program, writeTexts } from "./tiny_training.ts";

const SHIM = new URL("./file_faults.ts", import.meta.url).pathname;
const TRIES = { long: 240, short: 10 };
/** How often what is typed again is killed, too. */
const SHARE_OF_SECONDS = 0.25;
/** The status of a process that SIGKILL has ended. */
const KILLED = 137;

type Way = "killed at a step" | "killed at a moment" | "power failed";

interface Kind {
  readonly work: CrashWork;
  readonly way: Way;
  /** The step, where it is not drawn. */
  readonly step?: number;
}

/** A work that nobody disturbed. */
interface Reference {
  readonly out: string;
  /** What it did to files, in order: "write last.json" and the like. */
  readonly steps: readonly string[];
  readonly seconds: number;
}

export const crashes: AttackClass = {
  name: "crashes",
  what:
    "training in f32 and f16, an experiment, predict and export, killed at every step of writing a run and at random moments, " +
    "or with all lost that no disk had yet: typed again, all end in the bytes of an undisturbed one, and nothing is left over",
  tries: TRIES,
  async prepare(folder) {
    const bench = new Bench(folder);
    const table = writeTexts(folder);
    const [f32, f16] = trainings(table) as [CrashWork, CrashWork];
    const { out } = await bench.reference(f32);
    const others = [f16, experimentWork(folder), ...worksOn(out, table)];
    const drawn = [f32, ...others].flatMap((work): Kind[] => [
      { work, way: "killed at a step" },
      { work, way: "power failed" },
      { work, way: "killed at a moment" },
    ]);
    const kinds: Kind[] = (await bench.places(f32)).map((step) => ({
      work: f32,
      way: "killed at a step",
      step,
    }));
    while (kinds.length < TRIES.long) kinds.push(drawn[kinds.length % drawn.length]!);
    new Random(1).shuffle(kinds);
    return (number, random) => bench.attempt(kinds[(number - 1) % kinds.length]!, random);
  },
};

class Bench {
  readonly #folder: string;
  readonly #references = new Map<CrashWork, Reference>();

  constructor(folder: string) {
    this.#folder = Deno.realPathSync(folder);
  }

  async reference(work: CrashWork): Promise<Reference> {
    const known = this.#references.get(work);
    if (known !== undefined) return known;
    const place = this.#place();
    const log = join(place, "steps");
    const begun = performance.now();
    const { code, said } = await this.#run(place, work.first(join(place, "out")), { log });
    if (code !== 0) throw new Error(`${work.name}, undisturbed: status ${code}: ${said}`);
    const steps = Deno.readTextFileSync(log).trim().split("\n");
    const made = { out: join(place, "out"), steps, seconds: (performance.now() - begun) / 1000 };
    this.#references.set(work, made);
    return made;
  }

  /**
   * A step of each kind that a work does to each of its files, at the first time and at the last, when there was one of that name
   * before. Of writes that follow each other it is the last.
   */
  async places(work: CrashWork): Promise<number[]> {
    const { steps } = await this.reference(work);
    const named = steps.map((step) => step.replace(/\.[0-9a-f-]{36}/, "").replace(/tfevents.*/, "tfevents"));
    const distinct = named.flatMap((step, i) => step === named[i + 1] ? [] : [[step, i + 1] as const]);
    const [first, last] = [new Map(distinct.toReversed()), new Map(distinct)];
    return [...new Set([...first.values(), ...last.values()])].sort((a, b) => a - b);
  }

  async attempt(kind: Kind, random: Random): Promise<Outcome> {
    const { work, way } = kind;
    const reference = await this.reference(work);
    const place = this.#place();
    const out = join(place, "out");
    const deaths: string[] = [];
    try {
      for (let args = work.first(out);; args = work.again(out)) {
        const isKilled = deaths.length === 0 || (deaths.length === 1 && random.uniform() < SHARE_OF_SECONDS);
        const death = isKilled ? deathOf(kind, reference, random, deaths.length === 0) : undefined;
        const { code, said } = await this.#run(place, args, death?.faults, death?.seconds);
        if (code === KILLED) {
          deaths.push(death?.told ?? "by whom?");
          continue;
        }
        if (code === 0 || (deaths.length > 0 && work.isDone?.test(said))) break;
        return { failed: `${work.name}: ${deaths.join("; then ")}: status ${code}: ${said}` };
      }
      const other = differences(out, reference.out);
      if (other.length > 0) return { failed: `${work.name}: ${deaths.join("; then ")}: ${other.join(", ")}` };
      return { how: `${work.name}: ${deaths.length === 0 ? "too late" : way}` };
    } finally {
      await Deno.remove(place, { recursive: true });
    }
  }

  /** A new folder, in which `out` is that of a work. */
  #place(): string {
    const place = Deno.makeTempDirSync({ dir: this.#folder });
    Deno.mkdirSync(join(place, "out"));
    Deno.mkdirSync(join(place, "shelf"));
    return place;
  }

  /** Runs a command line, killed after so many seconds, or at a step of its files. */
  async #run(place: string, args: readonly string[], faults: Partial<FileFaults> = {}, seconds?: number) {
    const all: FileFaults = { folder: join(place, "out"), shelf: join(place, "shelf"), ...faults };
    const [deno, ...rest] = program(args, SHIM);
    const child = new Deno.Command(deno!, {
      args: rest,
      env: {
        ...ENVIRONMENT,
        [VARIABLE]: JSON.stringify(all),
        TMPDIR: place,
        UNIS_CACHE_DIR: join(this.#folder, "cache"),
      },
      cwd: dirname(place),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const ended = child.output();
    if (seconds !== undefined) {
      await Promise.race([ended, delay(1000 * seconds)]);
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    }
    const { code, stdout, stderr } = await ended;
    const text = new TextDecoder();
    return { code, said: text.decode(stdout) + text.decode(stderr) };
  }
}

interface Death {
  readonly told: string;
  readonly faults?: Partial<FileFaults>;
  readonly seconds?: number;
}

/** How a process is to die: the first at the step that is given, if it is. */
function deathOf(
  { way, step }: Kind,
  { out, steps, seconds }: Reference,
  random: Random,
  isFirst: boolean,
): Death {
  if (way === "killed at a moment") {
    const moment = random.between(0, seconds);
    return { told: `${way}, after ${moment.toFixed(2)} s`, seconds: moment };
  }
  const drawn = 1 + Math.floor(random.uniform() * steps.length);
  const at = isFirst && step !== undefined ? step : drawn;
  const power = Math.floor(2 ** 32 * random.uniform());
  return {
    told: `${way}, ${at}: ${steps[at - 1]!.replaceAll(out, "")}`,
    faults: { at, ...(way === "power failed" && { power }) },
  };
}
