/** How `deno compile` is called on what was laid out. */
import { join } from "node:path";
import { flagsOf } from "../../src/app/own_program.ts";
import { EMOJI_ARCHIVE } from "../../src/data/emoji/packages.ts";
import { ROOTS } from "./packages.ts";

/**
 * The arguments, for a call in the folder of the stage. The program has
 * the flags of the task `unis`, that is to say its permissions and how memory is collected, and may use the network.
 */
export function compileArguments(
  root: string,
  { output, target }: { output: string; target?: string },
): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(join(root, "deno.json")));
  const [main, ...workers] = ROOTS as [string, ...string[]];
  return [
    "compile",
    "--no-check", // there are no types of packages in the stage
    "--cached-only",
    ...flagsOf(tasks.unis),
    "--allow-net",
    "--allow-run", // which all commands but launch give up
    ...[...workers, EMOJI_ARCHIVE].flatMap((path) => ["--include", path]),
    ...target === undefined ? [] : ["--target", target],
    "--output",
    output,
    main,
  ];
}
