/** Jobs of ranks, each disturbed once at a random moment: how they end, and what becomes of the run. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Random } from "../../src/base/random.ts";
import { exists } from "../../src/io/files.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import type { Attack, AttackClass, Outcome } from "./attack.ts";
import { mpiLaunchers } from "./mpi_launchers.ts";
import { type JobOptions, type Launcher, RankJob } from "./rank_job.ts";
import { differences } from "./same_run.ts";
import { SmallDisk } from "./small_disk.ts";
import { STEPS_OF_EPOCH, training, writeTexts } from "./tiny_training.ts";
import { TwoHosts } from "./two_hosts.ts";

const EPOCHS = 5;
const SETTINGS = [`training.epochs=${EPOCHS}`, "training.checkpoint_every=2"];
const RANKS = [2, 4];
/** UNIS_MPI_TIMEOUT where ranks shall wait in vain, and of all other jobs, which a busy machine must not end. */
const PATIENCE = 5;
const GREAT_PATIENCE = 300;
/** Seconds from a disturbance to the end of a job at most: the time-out, asking who is there, and a margin for a busy machine. */
const LIMIT = PATIENCE + 3 + 12;
/** How often the moment is one of the start. */
const SHARE_OF_START = 0.2;

interface Place {
  readonly random: Random;
  readonly job: RankJob;
  readonly ranks: number;
  readonly disk: SmallDisk | undefined;
  readonly hosts: TwoHosts | undefined;
}

interface Fault {
  readonly name: string;
  /** What a user must be told of it, `rank` being the one to blame. */
  readonly told: (rank: number) => string;
  /** Disturbs a job; gives the rank that is to blame. */
  readonly strike: (place: Place) => number;
  readonly needs?: "disk" | "hosts";
  /** Others learn of it by waiting in vain. */
  readonly isSilent?: boolean;
}

/** Sends a signal to one of the ranks. */
const toOne = (signal: Deno.Signal) => ({ random, job, ranks }: Place): number => {
  const rank = Math.floor(random.uniform() * ranks);
  send(job, [rank], signal);
  return rank;
};

/**
 * What Open MPI's launcher and `unis launch` say of a rank that a signal ended; MPICH's has the number of a process, on a busy machine
 * now and then that of another, which it ended itself.
 */
const endedBy = (signal: number, name: Deno.Signal) => (rank: number) =>
  `process rank ${rank} [^]*signal ${signal} |rank ${rank} was ended by ${name}|` +
  `PID \\d+ RUNNING [^]*EXIT CODE: ${signal}\n`;
const SAVED = "unis: stopped, and all is saved; go on by: ";

const FAULTS: readonly Fault[] = [
  { name: "SIGKILL to one", told: endedBy(9, "SIGKILL"), strike: toOne("SIGKILL") },
  {
    name: "SIGSTOP to one",
    told: (rank) => `Waited ${PATIENCE} s for (rank ${rank}|other ranks) `,
    strike: toOne("SIGSTOP"),
    isSilent: true,
  },
  {
    name: "SIGTERM to one",
    // Before it is listened for, it ends a process as SIGKILL does.
    told: (rank) => `${SAVED}|${endedBy(15, "SIGTERM")(rank)}`,
    strike: toOne("SIGTERM"),
  },
  {
    name: "SIGTERM to all",
    told: () => `${SAVED}|signal 15`,
    strike: ({ job, ranks }) => {
      send(job, Array.from({ length: ranks }, (_, rank) => rank), "SIGTERM");
      return 0;
    },
  },
  {
    name: "full disk",
    told: () => "unis: Cannot (write|make) .*No space left on device",
    strike: ({ disk }) => {
      disk!.fill();
      return 0;
    },
    needs: "disk",
  },
  {
    name: "link cut",
    told: () => `Waited ${PATIENCE} s for (rank \\d|other ranks)`,
    strike: ({ hosts }) => {
      hosts!.cut();
      return 1;
    },
    needs: "hosts",
    isSilent: true,
  },
];

const SURVIVED =
  "at a random moment: the job ends in time, with a status other than 0 and the cause, and --resume ends in the bytes of an " +
  "undisturbed run";

export const ranks: AttackClass = {
  name: "ranks",
  what:
    "two and four ranks under MPICH and Open MPI, of which one is killed, stopped or told to end, the disk filled or the link cut, " +
    SURVIVED,
  tries: { long: 100, short: 6 },
  prepare(folder) {
    const found = mpiLaunchers();
    if (found.length === 0) {
      return Promise.resolve("there is no mpiexec: sh scripts/test_mpi.sh mpich installs one");
    }
    return Promise.resolve(attackOn(found, folder));
  },
};

export const launchedRanks: AttackClass = {
  name: "launched-ranks",
  what:
    `two and four ranks of unis launch, of which one is killed, stopped or told to end, or the disk filled, ${SURVIVED}`,
  tries: { long: 20, short: 1 },
  prepare: (folder) => Promise.resolve(attackOn([{ name: "unis launch" }], folder)),
};

function attackOn(launchers: readonly Launcher[], folder: string): Attack {
  const has = {
    disk: isPossible("full disks", () => new SmallDisk(folder, 1)),
    // Open MPI's ranks reach their launcher through the host that they share, as those of `unis launch` do.
    hosts: launchers.some(({ name }) => name === "MPICH") && isPossible("cut links", () => new TwoHosts()),
  };
  const kinds = launchers.flatMap((launcher) =>
    RANKS.flatMap((ranks) =>
      FAULTS.filter(({ needs }) => needs === undefined || has[needs])
        .filter(({ needs }) => needs !== "hosts" || launcher.name === "MPICH")
        .map((fault) => ({ launcher, ranks, fault }))
    )
  );
  new Random(1).shuffle(kinds);
  const bench = new Bench(folder);
  return (number, random) => bench.attempt(kinds[(number - 1) % kinds.length]!, random);
}

interface Kind {
  readonly launcher: Launcher;
  readonly ranks: number;
  readonly fault: Fault;
}

/** What tries share: the data, and the runs and times of jobs that nobody disturbed. */
class Bench {
  readonly #folder: string;
  readonly #table: string;
  readonly #undisturbed = new Map<string, { run: string; seconds: number }>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#table = writeTexts(folder);
  }

  async attempt(kind: Kind, random: Random): Promise<Outcome> {
    const { launcher, ranks, fault } = kind;
    using hosts = fault.needs === "hosts" ? new TwoHosts() : undefined;
    const reference = await this.#reference(kind, hosts);
    using disk = fault.needs === "disk" ? new SmallDisk(this.#folder, 16) : undefined;
    const out = join(disk?.path ?? Deno.makeTempDirSync({ dir: this.#folder }), "run");
    const begin = training(this.#table, out, SETTINGS);
    const patience = fault.isSilent ? PATIENCE : GREAT_PATIENCE;
    const job = new RankJob(this.#folder, { launcher, ranks, args: begin, patience, hosts });
    try {
      const moment = await comeTo(job, {
        out,
        ranks,
        starting: fault.needs !== "hosts" ? reference.seconds : 0,
      }, random);
      const isLate = job.isOver;
      const rank = isLate ? 0 : fault.strike({ random, job, ranks, disk, hosts });
      const struck = performance.now();
      const end = await within(LIMIT, job.ended);
      const seconds = (performance.now() - struck) / 1000;
      const about = `${fault.name} ${moment}, ${ranks} ranks of ${launcher.name}`;
      if (end === undefined) return { failed: `${about}: the job goes on after ${LIMIT} s` };
      const said = `${about}: status ${end.code} after ${seconds.toFixed(1)} s:\n${end.said}`;
      if (isLate ? end.code !== 0 : end.code === 0 && !isTested(out)) return { failed: said };
      const left = await gone(job);
      if (left.length > 0) return { failed: `processes ${left} are left; ${said}` };
      const cause = RegExp(fault.told(rank));
      if (end.code !== 0 && !cause.test(end.said)) return { failed: `the cause is not named; ${said}` };
      if (!isLate) disk?.free();
      hosts?.join();
      if (!isTested(out)) {
        const args = RunFolder.isAt(out) ? ["train", "--resume", out] : begin;
        const more = await this.#finished({ launcher, ranks, args, hosts });
        if (more.code !== 0) {
          return { failed: `going on ended with ${more.code}:\n${more.said}\nafter ${said}` };
        }
      }
      const other = differences(out, reference.run);
      if (other.length > 0) return { failed: `${other.join(", ")}; ${said}` };
      return {
        how: isLate ? `${fault.name}: too late` : `${fault.name} ${moment}: over in ${classOf(seconds)}`,
      };
    } finally {
      job.kill();
      await job.ended;
    }
  }

  /** A run that nobody disturbed, and the seconds that it took. */
  async #reference({ launcher, ranks }: Kind, hosts: TwoHosts | undefined) {
    const key = `${launcher.name} ${ranks}${hosts ? " on two hosts" : ""}`;
    const known = this.#undisturbed.get(key);
    if (known !== undefined) return known;
    const run = join(Deno.makeTempDirSync({ dir: this.#folder }), "run");
    const begun = performance.now();
    const end = await this.#finished({ launcher, ranks, args: training(this.#table, run, SETTINGS), hosts });
    if (end.code !== 0) throw new Error(`${key}, undisturbed: status ${end.code}: ${end.said}`);
    const made = { run, seconds: (performance.now() - begun) / 1000 };
    this.#undisturbed.set(key, made);
    return made;
  }

  async #finished(options: Omit<JobOptions, "patience">): Promise<{ code: number; said: string }> {
    const job = new RankJob(this.#folder, { ...options, patience: GREAT_PATIENCE });
    try {
      const end = await within(2 * GREAT_PATIENCE, job.ended);
      if (end !== undefined) return end;
    } finally {
      job.kill();
    }
    return { code: -1, said: `it went on after ${2 * GREAT_PATIENCE} s: ${(await job.ended).said}` };
  }
}

/**
 * Waits for a random moment of a job, which may be over by then: of its start, which takes so many `starting` seconds, or after a
 * step. Says which it was. Without a link, MPICH's launcher waits for ever for a host on which no rank has joined the others yet.
 */
async function comeTo(
  job: RankJob,
  { out, ranks, starting }: { out: string; ranks: number; starting: number },
  random: Random,
): Promise<string> {
  if (random.uniform() < SHARE_OF_START && starting > 0) {
    while (!job.isOver && job.processes.size < ranks) await delay(10);
    await delay(1000 * starting * random.between(0, 0.5));
    return "while it starts";
  }
  const step = Math.floor(random.between(1, 0.8 * EPOCHS * STEPS_OF_EPOCH));
  const wait = random.between(0, 300);
  while (!job.isOver && stepOf(out) < step) await delay(10);
  await delay(wait);
  return "while it trains";
}

/** Steps that a run has saved. It only looks: to open checkpoints is to put them in order. */
function stepOf(out: string): number {
  try {
    return JSON.parse(Deno.readTextFileSync(join(out, "checkpoints", "last.json"))).step;
  } catch {
    return 0; // not there yet
  }
}

const isTested = (out: string) => exists(join(out, "test.json"));

function send(job: RankJob, ranks: readonly number[], signal: Deno.Signal): void {
  const { processes } = job;
  for (const rank of ranks) {
    const process = processes.get(rank);
    if (process !== undefined) Deno.kill(process, signal);
  }
}

/** The processes of a job that has ended which are still there after a while: a launcher does not reach them over a cut link. */
async function gone(job: RankJob): Promise<number[]> {
  for (let i = 0; i < 10 * LIMIT && job.alive.length > 0; i++) await delay(100);
  return job.alive;
}

function within<T>(seconds: number, promise: Promise<T>): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), 1000 * seconds);
  return Promise.race([promise, over]).finally(() => clearTimeout(timer));
}

const classOf = (seconds: number) => {
  const bounds = [1, 2, 5, 10, LIMIT];
  return `${bounds.find((bound) => seconds <= bound) ?? LIMIT} s`;
};

/** Whether something can be made here; says what is left out where not. */
function isPossible(what: string, make: () => Disposable): boolean {
  try {
    make()[Symbol.dispose]();
    return true;
  } catch (error) {
    console.log(`  without ${what}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}
