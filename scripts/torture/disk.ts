/** Disks that fill up, refuse or vanish at any write of a command, and odd names. */
import { basename, join } from "node:path";
import { exists } from "../../src/io/files.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import type { Attack, AttackClass, Outcome } from "./attack.ts";
import { FailingDisk, type Failure } from "./failing_disk.ts";
import { MADE } from "./same_run.ts";
import { beginRun, command, contents, digest, SETTINGS, writeTable } from "./tiny_run.ts";

/** What a command makes at a place where nothing is, and what is left of it. */
interface Job {
  args(out: string, of: Shared): string[];
  /** Where it is said again after it failed; the same if not given. */
  again?(out: string, of: Shared): string[];
  /** Digests of what was made. */
  made(out: string): Record<string, string>;
}

interface Shared {
  readonly table: string;
  /** A run that has finished. */
  readonly run: string;
}

const train = (out: string, { table }: Shared) => [
  ...["train", "--data", `table:${table}`, "--seed", "1", "--out", out, "--epochs", "2"],
  ...["--set", ...SETTINGS],
];
const digestOf = (path: string) => digest(Deno.readTextFileSync(path).replace(MADE, ""));

function digestsIn(folder: string, within = folder): Record<string, string> {
  return Object.assign(
    {},
    ...Array.from(Deno.readDirSync(within), ({ name, isDirectory }) => {
      const path = join(within, name);
      return isDirectory ? digestsIn(folder, path) : { [path.slice(folder.length)]: digestOf(path) };
    }),
  );
}

const JOBS: Readonly<Record<string, Job>> = {
  train: {
    args: train,
    again: (out, of) => RunFolder.isAt(out) ? ["train", "--resume", out] : train(out, of),
    made: contents,
  },
  predict: {
    args: (out, { run, table }) => ["predict", run, "--data", table, "--out", `${out}.csv`],
    made: (out) => ({ answers: digestOf(`${out}.csv`) }),
  },
  export: {
    args: (out, { run }) => ["export", run, "--to", out, "--format", "onnx"],
    made: (out) => digestsIn(out),
  },
  report: {
    args: (out, { run }) => ["report", run, "--out", `${out}.html`],
    made: (out) => ({ page: digestOf(`${out}.html`) }),
  },
};

const FAILURES: readonly Failure[] = ["full", "read-only", "an error once", "removed"];

/** Names that a shell, a terminal or a page might take for something else. */
const NAMES = [
  'a "quoted" name',
  "it's $HOME `x` %s",
  "two\nlines",
  "red \x1b[31m text",
  "<b>bold&amp;",
  "ünï 数据 🦓",
  "-rf",
  "a\\b",
  " blanks ",
  "x".repeat(240), // with an ending of the program's own it is no name any more
];

async function prepare(folder: string): Promise<Attack> {
  const shared = { table: writeTable(folder), run: join(folder, "whole") };
  await beginRun(shared.table, shared.run, 1);
  await must("train", "--resume", shared.run);
  const expected = new Map<string, Record<string, string>>(), changes = new Map<string, number>();
  for (const [name, job] of Object.entries(JOBS)) {
    const place = join(folder, `first-${name}`);
    Deno.mkdirSync(place);
    using disk = new FailingDisk(place, "full");
    await must(...job.args(join(place, "out"), shared));
    changes.set(name, disk.changes);
    expected.set(name, job.made(join(place, "out")));
  }
  const place = join(folder, "place");
  /** One try: `disturbed` says the command once, which may fail; what comes of it in the end must be what is expected. */
  const attempt = async (
    name: string,
    out: string,
    what: string,
    disturbed: (job: Job) => Promise<string | undefined>,
  ): Promise<Outcome> => {
    const job = JOBS[name]!;
    Deno.mkdirSync(place);
    try {
      const told = await disturbed(job);
      if (told !== undefined) return { failed: `${name}, ${what}: ${told}` };
      const isMade = await differences(job, out, shared, expected.get(name)!);
      return isMade === undefined ? { how: what } : { failed: `${name}, ${what}: ${isMade}` };
    } finally {
      if (exists(place)) Deno.removeSync(place, { recursive: true });
    }
  };
  const names = Object.keys(JOBS);
  return (number, random) => {
    const name = names[number % names.length]!;
    const kind = Math.floor(number / names.length) % 5;
    if (kind === 4) {
      const odd = NAMES[Math.floor(random.uniform() * NAMES.length)]!;
      const out = join(place, odd);
      return attempt(name, out, "named oddly", async (job) => {
        const { status, error } = await command(...job.args(out, shared));
        return status === 0 ? undefined : `${JSON.stringify(odd)}: ${error}`;
      });
    }
    const out = join(place, "out");
    const failure = FAILURES[kind]!;
    const at = Math.floor(random.uniform() * changes.get(name)!);
    return attempt(name, out, failure, (job) => failing(job, out, shared, place, failure, at));
  };
}

async function must(...args: string[]): Promise<void> {
  const { status, error } = await command(...args);
  if (status !== 0) throw new Error(`${args.join(" ")}: ${error}`);
}

/** Says a command while the disk fails; gives what is wrong with what it said. */
async function failing(
  job: Job,
  out: string,
  shared: Shared,
  place: string,
  failure: Failure,
  at: number,
): Promise<string | undefined> {
  let said: Awaited<ReturnType<typeof command>>;
  {
    using _ = new FailingDisk(place, failure, at);
    said = await command(...job.args(out, shared));
  }
  const { status, error } = said;
  if (failure === "removed" && !exists(place)) Deno.mkdirSync(place);
  const isTold = status === 2 && !error.includes("\n") && error.includes(basename(place));
  if (status === 0 || isTold) return undefined;
  return `at change ${at}: status ${status}: ${error}`;
}

/** Says the command again where it made nothing; gives how what there is differs from what is expected. */
async function differences(
  job: Job,
  out: string,
  shared: Shared,
  expected: Record<string, string>,
): Promise<string | undefined> {
  let made: Record<string, string> = {};
  try {
    made = job.made(out);
  } catch {
    // It failed, and is said again.
  }
  const isSame = () => Object.entries(expected).every(([key, value]) => made[key] === value);
  if (!isSame()) {
    const { status, error } = await command(...(job.again ?? job.args)(out, shared));
    if (status !== 0) return `again: status ${status}: ${error}`;
    made = job.made(out);
    if (!isSame()) {
      return `again: other ${Object.keys(expected).filter((key) => made[key] !== expected[key])}`;
    }
  }
  const left = leftIn(join(out, ".."));
  return left.length === 0 ? undefined : `left over: ${left}`;
}

/** What must not be there any more once all is done. */
function leftIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) =>
    isDirectory ? leftIn(join(folder, name)) : /\.tmp$|^lock$/.test(name) ? [name] : []
  );
}

export const disk: AttackClass = {
  name: "disk",
  what: "at any change a disk is full, read-only, fails once or is removed; names are odd",
  tries: { long: 360, short: 24 },
  prepare,
};
