/** What a process has taken of processors, as Linux tells. */

/** Linux tells it in ticks of so many milliseconds. */
const TICK = 10;

/** Milliseconds that a process has taken, by its number, with those that it has started and that ended, where they are asked for. */
export function processorTime(process: number | "self", { withChildren = false } = {}): number {
  const text = Deno.readTextFileSync(`/proc/${process}/stat`);
  // After the name, which may hold anything, the 12th and 13th field are its own, the next two those of its children.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const [user, system, usersOfChildren, systemOfChildren] = fields.slice(11, 15) as [
    number,
    number,
    number,
    number,
  ];
  return TICK * (user + system + (withChildren ? usersOfChildren + systemOfChildren : 0));
}
