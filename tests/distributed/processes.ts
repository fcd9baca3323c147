/** What a system knows of processes: Linux by its files, as bare containers have no programs that tell, and others by those. */

/** The processes that one has started, and which have not ended, in the order of their numbers. */
export function childrenOf(process: number): number[] {
  if (Deno.build.os !== "linux") return numbers(printed("pgrep", "-P", String(process)));
  try {
    const threads = Array.from(Deno.readDirSync(`/proc/${process}/task`), ({ name }) => name);
    return threads.flatMap((thread) =>
      numbers(Deno.readTextFileSync(`/proc/${process}/task/${thread}/children`))
    ).sort((a, b) => a - b);
  } catch {
    return []; // it has ended
  }
}

/** Whether a process runs; some systems keep what has ended for a while. */
export function isThere(process: number): boolean {
  if (Deno.build.os !== "linux") return /^[^Z\s]/.test(printed("ps", "-o", "stat=", "-p", String(process)));
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${process}/status`));
  } catch {
    return false;
  }
}

const numbers = (text: string) => text.split(/\s+/).filter((word) => word !== "").map(Number);

function printed(program: string, ...args: string[]): string {
  return new TextDecoder().decode(new Deno.Command(program, { args }).outputSync().stdout);
}
