/** What tasks tell Deno about memory. */

/** The flags by which the task of a command has the engine collect memory: what is measured shall be what people run. */
export function engineFlags(command: string): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("../deno.json", import.meta.url)));
  const own = tasks[command].match(/UNIS_V8=(\S+)/)?.[1] ?? "";
  const flags: string[] = tasks.unis.match(/(?<=\s)--v8-flags=\S+/g) ?? [];
  return flags.map((flag) => flag.replace("$UNIS_V8", own));
}
