/** Draws the samples of splits that a data set does not bring, by a seed. */
import { keyOf, Random } from "../../base/random.ts";

/**
 * Draws `count` of the items so that each class keeps its fraction, as nearly as whole samples allow (largest
 * remainders); gives their indices in rising order. Throws a RangeError where a class would be left with none.
 */
export function drawStratified(labels: readonly number[], count: number, seed: number): number[] {
  if (count === 0) return [];
  if (count >= labels.length) {
    throw new RangeError(`Cannot draw ${count} of ${labels.length} samples: none would be left`);
  }
  const members = new Map<number, number[]>();
  labels.forEach((label, index) => {
    const own = members.get(label);
    if (own === undefined) members.set(label, [index]);
    else own.push(index);
  });
  const classes = [...members].sort(([a], [b]) => a - b).map(([label, all]) => {
    const exact = all.length * count / labels.length;
    new Random(keyOf(seed, label)).shuffle(all);
    return { all, label, taken: Math.min(Math.floor(exact), all.length - 1), rest: exact % 1 };
  });
  let missing = count - classes.reduce((sum, { taken }) => sum + taken, 0);
  const byRest = classes.toSorted((a, b) => b.rest - a.rest || a.label - b.label);
  while (missing > 0) {
    const before = missing;
    for (const one of byRest) {
      // Each class keeps at least one sample.
      if (missing === 0 || one.taken === one.all.length - 1) continue;
      one.taken++;
      missing--;
    }
    if (missing === before) {
      throw new RangeError(
        `Cannot draw ${count} of ${labels.length} samples of ${classes.length} classes: a class would be left without any`,
      );
    }
  }
  return classes.flatMap(({ all, taken }) => all.slice(0, taken)).sort((a, b) => a - b);
}

/**
 * Deals items into parts of these shares so that items of one group lie in one part and each class keeps its shares as
 * nearly as groups allow; gives the part of each item. Large groups are dealt first, each to the part that lacks the most
 * of its classes. Throws a RangeError where there are too few groups for every part to have one.
 */
export function dealGroups(
  labels: readonly number[],
  groups: readonly (string | number)[],
  shares: readonly number[],
  seed: number,
): number[] {
  const members = [...Map.groupBy(labels.keys(), (at) => groups[at]!).values()];
  if (members.length < shares.length) {
    throw new RangeError(`${members.length} groups cannot be dealt to ${shares.length} parts`);
  }
  new Random(seed).shuffle(members);
  members.sort((a, b) => b.length - a.length);
  const totals = counted(labels);
  const parts = shares.map((share) => ({ share, size: 0, counts: new Map<number, number>() }));
  const part = new Array<number>(labels.length);
  for (const group of members) {
    const own = counted(group.map((at) => labels[at]!));
    // By how much the squared distance from the wanted counts grows, classes of any size alike; then the emptiest part.
    const costs = parts.map(({ share, counts, size }, at) => {
      let cost = 0;
      for (const [label, count] of own) {
        const total = totals.get(label)!;
        cost += count * (count + 2 * ((counts.get(label) ?? 0) - share * total)) / total;
      }
      return { at, cost, excess: size - share * labels.length };
    });
    const { at } = costs.reduce((best, one) =>
      one.cost < best.cost || (one.cost === best.cost && one.excess < best.excess) ? one : best
    );
    const chosen = parts[at]!;
    chosen.size += group.length;
    for (const [label, count] of own) chosen.counts.set(label, (chosen.counts.get(label) ?? 0) + count);
    for (const item of group) part[item] = at;
  }
  if (parts.some(({ size }) => size === 0)) {
    throw new RangeError(`${members.length} groups leave one of ${shares.length} parts without any`);
  }
  return part;
}

/** How often each label occurs. */
function counted(labels: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}
