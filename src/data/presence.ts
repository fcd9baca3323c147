/** How modalities are withheld from samples. */
import type { Random } from "../base/random.ts";

/**
 * Withholds modalities from a share of the samples that have several: any of those they have, but never all, each way to lack
 * some being as likely as another. Of two modalities, half of the share is left with the first and half with the second.
 * `has` says which modalities a sample has; gives which are left.
 */
export function drawWithheld(share: number, has: readonly boolean[], random: Random): readonly boolean[] {
  const count = has.filter(Boolean).length;
  if (random.uniform() >= share || count < 2) return has;
  let left = 1 + Math.floor(random.uniform() * (2 ** count - 2)); // a bit for each: neither none of them nor all
  return has.map((one) => {
    if (!one) return false;
    const isLeft = left % 2 === 1;
    left = Math.floor(left / 2);
    return isLeft;
  });
}
