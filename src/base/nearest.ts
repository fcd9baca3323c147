/** Finds the name that a misspelt one was meant to be. */

/** The number of insertions, deletions, replacements and swaps of neighbours between two words (Damerau). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      }
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** The nearest of `names`, if it is near: at most a third of the letters differ, or one begins with the other. */
export function nearest(wrong: string, names: readonly string[]): string | undefined {
  const plain = (name: string) => name.toLowerCase().replaceAll("-", "_");
  let best: { name: string; cost: number } | undefined;
  for (const name of names) {
    const [a, b] = [plain(wrong), plain(name)];
    const cost = distance(a, b);
    const isNear = cost <= Math.max(a.length, b.length) / 3 ||
      (a.length > 2 && (b.startsWith(a) || a.startsWith(b) || b.endsWith(a)));
    if (isNear && (best === undefined || cost < best.cost)) best = { name, cost };
  }
  return best?.name;
}
