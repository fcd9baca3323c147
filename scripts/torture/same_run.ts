/** Whether two folders of runs, or of what holds runs, are of the same: to the byte, but for times. */
import { join } from "node:path";
import { leavesOf } from "../../src/base/leaves.ts";
import { SUMS } from "../../src/runs/run_files.ts";

/** What is measured by the clock. */
const TIMES = ["seconds", "epoch_seconds", "epoch_input_wait", "input_wait_seconds"];
/** When a page was made, which it says. */
export const MADE = /Made by unis on .* UTC/;
/** Told by what it was made on and when; event files hold the seconds of epochs, too, and checksums are of times among others. */
const BY_NAME_ALONE = new RegExp(`^(environment\\.json|${SUMS}|.*\\.tfevents)$`);

/**
 * A line for each file of `folder` that is not as in `reference`: missing, left over, or other in its contents; none where all
 * are the same.
 */
export function differences(folder: string, reference: string): string[] {
  const [found, expected] = [filesOf(folder), filesOf(reference)];
  const names = new Set([...found.keys(), ...expected.keys()]);
  return [...names].sort().flatMap((name) => {
    const [one, other] = [found.get(name), expected.get(name)];
    if (one === undefined) return [`${name} is missing`];
    if (other === undefined) return [`${name} is left over`];
    if (BY_NAME_ALONE.test(name.split("/").at(-1)!)) return [];
    const [own, its] = [partsOf(one), partsOf(other)];
    const key = [...own.keys(), ...its.keys()].find((key) => own.get(key) !== its.get(key));
    return key === undefined
      ? []
      : [`${name} is another${key && ` in ${key}: ${own.get(key)}, not ${its.get(key)}`}`];
  });
}

/** The paths of all files below a folder by their names in it; those of event files without the time in them. */
function filesOf(folder: string, prefix = ""): Map<string, string> {
  return new Map([...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return [...filesOf(path, `${prefix}${name}/`)];
    return [[prefix + name.replace(/(\.tfevents)\..*/, "$1"), path] as const];
  }));
}

/** What two files share that hold the same but for times: the values of JSON by their keys, else all there is. */
function partsOf(path: string): Map<string, string> {
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  try {
    if (path.endsWith(".json")) return new Map(leavesOf(withoutTimes(text)));
    if (path.endsWith(".html")) return new Map([["", text.replace(MADE, "")]]);
    if (path.endsWith(".jsonl")) {
      const lines = text.split("\n").map((line) => line && withoutTimes(line));
      return new Map(leavesOf({ ...lines }));
    }
  } catch {
    // No JSON, for which the bytes are compared.
  }
  return new Map([["", text]]);
}

const withoutTimes = (text: string) =>
  JSON.parse(text, (_, value) => {
    if (typeof value !== "object" || value === null || !TIMES.some((key) => key in value)) return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => !TIMES.includes(key)));
  });
