/** What tasks tell Deno about memory. */

/** The flags by which the tasks of `unis` have the engine collect memory: what is measured shall be what people run. */
export function engineFlags(): string[] {
  const path = new URL("../deno.json", import.meta.url);
  return JSON.parse(Deno.readTextFileSync(path)).tasks.unis.match(/(?<=\s)--v8-flags=\S+/g) ?? [];
}
