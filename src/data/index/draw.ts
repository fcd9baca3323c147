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
