/** Shares of what several bring about together (Shapley, "A Value for n-Person Games", 1953). */

/** More players have more coalitions than are worth trying. */
export const MOST_PLAYERS = 10;

/**
 * The Shapley value of each player, exactly:
 *
 *   φ_i = Σ_{S ∌ i} |S|! (n − |S| − 1)! / n! · (v(S ∪ {i}) − v(S)),
 *
 * which sum to v(all) − v(none). `values[S]` is v of the coalition whose bit i says whether player i is in it, 2ⁿ of them.
 * Throws RangeError for another number of values.
 */
export function shapleyValues(values: ArrayLike<number>): number[] {
  const players = Math.log2(values.length);
  if (!Number.isInteger(players)) {
    throw new RangeError(`Cannot share among players by ${values.length} values: it takes a power of two`);
  }
  // |S|! (n − |S| − 1)! / n! = 1 / (n · C(n − 1, |S|)), by |S|
  const weights: number[] = [];
  for (let size = 0, ways = 1; size < players; size++) {
    weights.push(1 / (players * ways));
    ways *= (players - 1 - size) / (size + 1);
  }
  return Array.from({ length: players }, (_, player) => {
    const bit = 1 << player;
    let share = 0;
    for (let others = 0; others < values.length; others++) {
      if (others & bit) continue;
      share += weights[sizeOf(others)]! * (values[others | bit]! - values[others]!);
    }
    return share;
  });
}

/** The players in a coalition. */
function sizeOf(coalition: number): number {
  let size = 0;
  for (let rest = coalition; rest > 0; rest &= rest - 1) size++;
  return size;
}
