/** Every file of a run is damaged; commands that read it must name it, or give the result of an undamaged run. */
import { basename, join, relative } from "node:path";
import type { Random } from "../../src/base/random.ts";
import { copyFolder } from "../../tests/io/crafted.ts";
import type { Attack, AttackClass, Outcome } from "./attack.ts";
import { MADE } from "./same_run.ts";
import { beginRun, command, contents, digest, writeTable } from "./tiny_run.ts";

type Damage = (path: string, other: string, random: Random) => void;

/** Places at which one bit of a file is flipped, each in a try of its own. */
const FLIPS = 50;

const REMOVED = "removed";
const DAMAGES: Readonly<Record<string, Damage>> = {
  emptied: (path) => Deno.truncateSync(path),
  halved: (path) => Deno.truncateSync(path, Math.floor(Deno.statSync(path).size / 2)),
  "swapped with that of another seed": (path, other) => Deno.copyFileSync(other, path),
  [REMOVED]: (path) => Deno.removeSync(path),
  "with a bit flipped": (path, _, random) => {
    const bytes = Deno.readFileSync(path);
    // Small files have their structure in all of their bytes, large ones most of it at their start.
    const within = random.uniform() < 0.5 ? Math.min(bytes.length, 2000) : bytes.length;
    const place = Math.floor(within * random.uniform());
    bytes[place]! ^= 1 << Math.floor(8 * random.uniform());
    Deno.writeFileSync(path, bytes);
  },
};
const FLIP = Object.keys(DAMAGES).at(-1)!;

/** A command on a run, which begins as a copy of the half or of the whole one; gives what it made. */
interface Reader {
  readonly of: "half" | "whole";
  args(run: string, table: string): string[];
  /** Digests of what it made, by what that is. */
  made(run: string, printed: string): Record<string, string>;
}

const READERS: Readonly<Record<string, Reader>> = {
  "train --resume": {
    of: "half",
    args: (run) => ["train", "--resume", run],
    made: (run) => contents(run),
  },
  evaluate: {
    of: "whole",
    args: (run) => ["evaluate", run],
    made: (_, printed) => ({ measures: digest(printed) }),
  },
  predict: {
    of: "whole",
    args: (run, table) => ["predict", run, "--data", table, "--proba", "--out", join(run, "answers.csv")],
    made: (run) => ({ answers: digest(Deno.readTextFileSync(join(run, "answers.csv"))) }),
  },
  report: {
    of: "whole",
    args: (run) => ["report", run, "--out", join(run, "page.html")],
    made: (run) => ({
      page: digest(Deno.readTextFileSync(join(run, "page.html")).replace(MADE, "")),
    }),
  },
};

/** The files of a run that somebody may read; event files are for TensorBoard alone. */
function filesOf(run: string, folder = run): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return name === "tensorboard" ? [] : filesOf(run, path);
    return [relative(run, path)];
  }).sort();
}

interface Try {
  readonly file: string;
  readonly damage: string;
  readonly reader: string;
}

/** All tries, in an order in which the first few are of many kinds. */
function plan(folder: string): Try[] {
  const all = Object.entries(READERS).flatMap(([reader, { of }]) =>
    filesOf(join(folder, of)).flatMap((file) => {
      const names = Object.keys(DAMAGES).filter((name) => name !== FLIP);
      // The flips of a file are shared by the commands.
      const flips = Math.ceil(FLIPS / Object.keys(READERS).length);
      return [...names, ...Array<string>(flips).fill(FLIP)].map((damage) => ({ file, damage, reader }));
    })
  );
  const order = (at: number) => (at * 0.6180339887498949) % 1;
  return all.map((one, at) => ({ one, place: order(at) })).sort((a, b) => a.place - b.place)
    .map(({ one }) => one);
}

async function prepare(folder: string): Promise<Attack> {
  const table = writeTable(folder);
  const at = (name: string) => join(folder, name);
  await beginRun(table, at("half"), 1);
  await beginRun(table, at("other half"), 2);
  const expected = new Map<string, Record<string, string>>();
  for (const name of ["half", "other half"]) {
    const whole = name.replace("half", "whole");
    copyFolder(at(name), at(whole));
    const { status, error } = await command("train", "--resume", at(whole));
    if (status !== 0) throw new Error(error);
  }
  const read = async (reader: Reader) => {
    const run = at("run");
    const { status, printed, error } = await command(...reader.args(run, table));
    return { status, said: printed + error, error, made: status === 0 ? reader.made(run, printed) : {} };
  };
  for (const [name, reader] of Object.entries(READERS)) {
    copyFolder(at(reader.of), at("run"));
    const { status, said, made } = await read(reader);
    if (status !== 0) throw new Error(said);
    expected.set(name, made);
    Deno.removeSync(at("run"), { recursive: true });
  }
  const tries = plan(folder);
  return async (number, random): Promise<Outcome> => {
    const { file, damage, reader: name } = tries[(number - 1) % tries.length]!;
    const reader = READERS[name]!;
    const what = `${name}, ${file} ${damage}`;
    copyFolder(at(reader.of), at("run"));
    try {
      DAMAGES[damage]!(join(at("run"), file), join(at(`other ${reader.of}`), file), random);
      const { status, said, error, made } = await read(reader);
      const isNamed = said.includes(basename(file));
      if (status === 2) return isNamed ? { how: "refused by name" } : { failed: `${what}: ${error}` };
      if (status !== 0) return { failed: `${what}: status ${status}: ${error}` };
      const wrong = Object.entries(expected.get(name)!).filter(([key, value]) => made[key] !== value);
      if (wrong.length === 0) {
        return { how: isNamed ? "told by name, with the same result" : "with the same result" };
      }
      // A page is made without what cannot be had, and a run goes on without what was removed.
      if (isNamed && (damage === REMOVED || name === "report")) {
        return { how: "told by name, and done without" };
      }
      return { failed: `${what}: silently, other ${wrong.map(([key]) => key).join(", ")}` };
    } finally {
      Deno.removeSync(at("run"), { recursive: true });
    }
  };
}

export const corrupt: AttackClass = {
  name: "corrupt",
  what: "a file of a run is emptied, halved, swapped, removed or has a bit flipped, and the run is read",
  tries: { long: 1100, short: 36 },
  prepare,
};
