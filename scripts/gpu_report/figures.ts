/** What a compiler tells of one kernel, and which share of its instructions are the multiply-adds that it is there for. */

export interface Figures {
  /** Of a lane, vector registers of 32 bits. */
  readonly registers: number;
  /** Registers, or stores of them, that went to memory. */
  readonly spills: number;
  /** Bytes of memory that a lane has for itself, or a wave where drivers say so: spills, and arrays indexed at run time. */
  readonly scratch: number;
  /** Subgroups that a core, or a quarter of it, has room for at once, as the driver counts them. */
  readonly occupancy: number;
  readonly instructions: number;
  /** Undefined where the compiler shows no instructions. */
  readonly shares?: Shares;
}

/**
 * Multiply-adds of a lane, an instruction: two where one instruction does two. Additions and products alone count as none,
 * and every instruction counts once, however often it runs.
 */
export interface Shares {
  /** Of the whole kernel. */
  readonly kernel: number;
  /**
   * Of the loops that have any, those left out that have less than a tenth of what the one with the most has: these store
   * results, and run a few times. Undefined where none has any.
   */
  readonly loops: number | undefined;
  /** Of those that have no other within. */
  readonly innermost: number | undefined;
}

/** A run of instructions that is entered at its front and left at its end. */
export interface Block {
  readonly instructions: number;
  readonly multiplyAdds: number;
  /** Positions of the blocks that may follow. */
  readonly successors: readonly number[];
}

const LEAST_OF_A_LOOP = 0.1;

export function sharesOf(blocks: readonly Block[]): Shares {
  const sum = (members: Iterable<number>, of: "instructions" | "multiplyAdds") => {
    let total = 0;
    for (const i of members) total += blocks[i]![of];
    return total;
  };
  const share = (members: readonly number[]) =>
    sum(members, "multiplyAdds") / Math.max(1, sum(members, "instructions"));
  const heads = loopsOf(blocks);
  const counts = new Map([...heads.values()].map((body) => [body, sum(body, "multiplyAdds")]));
  const least = LEAST_OF_A_LOOP * Math.max(...counts.values());
  const loops = [...counts].filter(([, count]) => count > 0 && count >= least).map(([body]) => body);
  const innermost = loops.filter((body) =>
    ![...heads].some(([head, other]) => other.size < body.size && body.has(head))
  );
  const together = (bodies: readonly Set<number>[]) =>
    bodies.length === 0 ? undefined : share([...new Set(bodies.flatMap((body) => [...body]))]);
  return { kernel: share([...blocks.keys()]), loops: together(loops), innermost: together(innermost) };
}

/** The loops of a control flow whose first block is its entry: the blocks of each, by its head. */
export function loopsOf(blocks: readonly Block[]): Map<number, Set<number>> {
  const predecessors: number[][] = blocks.map(() => []);
  for (const [i, { successors }] of blocks.entries()) {
    for (const next of successors) predecessors[next]!.push(i);
  }
  const loops = new Map<number, Set<number>>();
  for (const [i, { successors }] of blocks.entries()) {
    for (const head of successors) {
      // A jump back to what every way to it has passed: not so where a block only stands late in the listing.
      if (head !== i && reached(blocks, 0, head).has(i)) continue;
      const body = loops.get(head) ?? new Set([head]);
      loops.set(head, body);
      const open = [i];
      for (let at = open.pop(); at !== undefined; at = open.pop()) {
        if (body.has(at)) continue;
        body.add(at);
        open.push(...predecessors[at]!);
      }
    }
  }
  return loops;
}

/** The blocks that can be reached from `start` without passing `avoided`. */
function reached(blocks: readonly Block[], start: number, avoided: number): Set<number> {
  const seen = new Set<number>();
  const open = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at === avoided || seen.has(at)) continue;
    seen.add(at);
    open.push(...blocks[at]!.successors);
  }
  return seen;
}

/** The number after a label, as in `VGPRs: 24`. Throws an Error where the text has none. */
export function numberAfter(text: string, label: string): number {
  const escaped = label.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const value = text.match(new RegExp(`^${escaped}: (\\d+)`, "m"))?.[1];
  if (value === undefined) throw new Error(`The driver printed no "${label}"`);
  return Number(value);
}
