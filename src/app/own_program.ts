/** How this program starts itself once more, in processes of their own. */
import { join } from "node:path";
import { readJson } from "../io/files.ts";

/** The program to start, and its arguments before those of `unis`, for a command that may do what this process may, as its task. */
export function ownProgram(command: string): { program: string; args: string[] } {
  const program = Deno.execPath();
  // What `deno compile` made is this program, and has its permissions in it.
  if (Deno.build.standalone) return { program, args: [] };
  const root = join(import.meta.dirname!, "../..");
  const { tasks } = readJson(join(root, "deno.json")) as { tasks: Record<string, string> };
  const flags = flagsOf(tasks[command]!.includes("deno run") ? tasks[command]! : tasks.unis!);
  return { program, args: ["run", ...flags, ...givenBeside(flags), join(root, "main.ts")] };
}

/** The flags of Deno in a task of deno.json: what it allows, and how memory is collected. */
export function flagsOf(task: string): string[] {
  return task.replaceAll(/\$UNIS_\w+/g, "").match(
    /(?<=\s)(?:--(?:no-prompt|allow-|ignore-|v8-flags=)\S*|-A)/g,
  ) ?? [];
}

/** What this process was given that tasks have only where they need it. */
function givenBeside(flags: readonly string[]): string[] {
  if (flags.includes("-A")) return [];
  return (["net", "ffi"] as const).filter((name) => Deno.permissions.querySync({ name }).state === "granted")
    .map((name) => `--allow-${name}`);
}
