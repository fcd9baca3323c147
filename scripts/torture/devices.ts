/**
 * Devices that are lost, at any call that the program makes of them, and that have no memory left, at any buffer or texture,
 * for good or for a while; as drivers do, by errors and promises. Training, evaluation and prediction all meet them.
 */
import { join } from "node:path";
import type { Random } from "../../src/base/random.ts";
import { exists } from "../../src/io/files.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { unis } from "../../tests/cli/unis.ts";
import { type Call, CALLS, OpenedDevices } from "../../tests/gpu/opened_devices.ts";
import type { Attack, AttackClass, Outcome } from "./attack.ts";
import { differences } from "./same_run.ts";
import { training, writeTexts } from "./tiny_training.ts";

/** What is trained: in each, checkpoints come at other places. */
const TRAININGS: readonly (readonly string[])[] = [
  [],
  ["training.checkpoint_every=2"],
  ["training.precision=f16", "training.validation_every=3"],
];
/** Restarts that are allowed, where some are. */
const RESTARTS = 3;

/** A command line, what it gives where nothing disturbs it, and the calls it then makes. */
interface Command {
  readonly name: string;
  /** Its arguments, where it is to write to `out`. */
  readonly args: (out: string) => readonly string[];
  /** Those to go on by, or to try again. */
  readonly again: (out: string) => readonly string[];
  /** Whether devices that are lost may be replaced. */
  readonly canRestart: boolean;
  readonly reference: string;
  readonly calls: ReadonlyMap<Call, number>;
  readonly allocations: number;
}

export const devices: AttackClass = {
  name: "devices",
  what:
    "a device is lost, or out of memory, at any call: the same result in the end, or one line and whole files",
  tries: { long: 300, short: 12 },
  prepare,
};

async function prepare(folder: string): Promise<Attack> {
  const table = writeTexts(folder);
  const run = join(folder, "training-1");
  const commands: Command[] = [];
  const prepared = async (
    name: string,
    args: Command["args"],
    again: Command["again"] = args,
    canRestart = false,
  ) => {
    const reference = join(folder, name);
    using opened = new OpenedDevices();
    const { status, errors } = await unis(...args(reference));
    if (status !== 0) throw new Error(`${name} failed undisturbed: ${errors}`);
    const { calls, allocations } = opened;
    commands.push({ name, args, again, canRestart, reference, calls, allocations });
  };
  for (const [i, settings] of TRAININGS.entries()) {
    const args = (out: string) => training(table, out, settings);
    const again = (out: string) =>
      RunFolder.isAt(out) ? ["train", "--resume", out] : training(table, out, settings);
    await prepared(`training-${i + 1}`, args, again, true);
  }
  await prepared(
    "answers.csv",
    (out) => ["predict", run, "--data", table, "--out", out, "--batch", "8", "--quiet"],
  );
  await prepared(
    "evaluated.csv",
    (out) => ["evaluate", run, "--data", table, "--predictions", out, "--quiet"],
  );
  return async (number, random) => {
    // Three tries of four are of training, which has the most to lose.
    const [trainings, others] = [commands.slice(0, TRAININGS.length), commands.slice(TRAININGS.length)];
    const command = pick(random, random.uniform() < 0.75 ? trainings : others);
    const out = join(folder, `${number}-${command.name}`);
    try {
      return await disturbed(command, out, random);
    } finally {
      await Deno.remove(out, { recursive: true }).catch(() => {});
    }
  };
}

async function disturbed(command: Command, out: string, random: Random): Promise<Outcome> {
  const restarts = command.canRestart && random.uniform() < 0.5;
  using opened = new OpenedDevices();
  const what = disturb(opened, command, random);
  const told = `${what} in ${command.name}${restarts ? " with --restarts" : ""}`;
  const first = await unis(...command.args(out), ...(restarts ? ["--restarts", `${RESTARTS}`] : []));
  const wrong = wrongIn(first, command, out);
  if (wrong !== undefined) return { failed: `${told}: ${wrong}` };
  if (restarts && what.startsWith("lost") && first.status !== 0) {
    return { failed: `${told}: not gone on with: ${first.errors}` };
  }
  opened.lossAt = undefined;
  opened.memoryEndsAt = Infinity;
  const again = first.status === 0 ? first : await unis(...command.again(out));
  if (again.status !== 0) return { failed: `${told}: not to be gone on with: ${again.errors}` };
  const differ = differing(out, command.reference);
  if (differ.length > 0) return { failed: `${told}: ${differ.join(", ")}` };
  const kind = what.split(" ")[0];
  if (first.status !== 0) return { how: `${kind}: one line (status ${first.status}), then the same result` };
  return { how: restarts && kind === "lost" ? "lost: gone on by itself, same result" : `${kind}: unharmed` };
}

/** Chooses what goes wrong, and says it. */
function disturb(opened: OpenedDevices, { calls, allocations }: Command, random: Random): string {
  if (random.uniform() < 0.3) {
    const from = opened.memoryEndsAt = below(random, allocations);
    if (random.uniform() < 0.5) return `short of memory from allocation ${from} on`;
    opened.memoryComesBackAt = from + 1 + below(random, 3);
    return `short of memory at allocations ${from} to ${opened.memoryComesBackAt - 1}`;
  }
  const call = pick(random, CALLS.filter((call) => calls.get(call)! > 0));
  const number = below(random, calls.get(call)!);
  const isAfter = random.uniform() < 0.5;
  opened.lossAt = { call, number, isAfter };
  return `lost ${isAfter ? "after" : "before"} ${call} ${number}`;
}

/** What is wrong with how a command ended, or with what it left behind; undefined where nothing is. */
function wrongIn({ status, errors }: { status: number; errors: string }, command: Command, out: string) {
  if (status !== 0 && status !== 2 && status !== 75) return `status ${status}: ${errors}`;
  if (status !== 0 && !/^unis: .*$/.test(errors)) return `not one line: ${errors}`;
  if (status === 0 || !exists(out)) return undefined;
  if (!command.canRestart) return differing(out, command.reference).at(0);
  if (!RunFolder.isAt(out)) return undefined;
  const { checkpoints } = RunFolder.open(out);
  const last = checkpoints.loadLast();
  if (exists(checkpoints.best)) checkpoints.loadBest();
  return last === undefined && exists(join(out, "test.json")) ? "a test without a checkpoint" : undefined;
}

function differing(out: string, reference: string): string[] {
  if (Deno.statSync(reference).isDirectory) return differences(out, reference);
  return Deno.readTextFileSync(out) === Deno.readTextFileSync(reference) ? [] : [`${out} is another`];
}

const below = (random: Random, limit: number) => Math.floor(random.uniform() * limit);
const pick = <T>(random: Random, of: readonly T[]): T => of[below(random, of.length)]!;
