import { fileURLToPath } from "node:url";
import { Random } from "../../../src/base/random.ts";

export const TOKENIZER_FIXTURES = fileURLToPath(new URL("../../fixtures/tokenizers", import.meta.url));
const COUNT = 10_000, SEED = 20231;

interface Atoms {
  words: string[];
  spaces: string[];
  pieces: string[];
  ranges: [number, number][];
}

/** The strings of the tokenizer fixture, drawn as scripts/fixtures/tokenization.py draws them. */
export function fixtureStrings(vocabulary: readonly string[]): string[] {
  const atoms: Atoms = JSON.parse(Deno.readTextFileSync(`${TOKENIZER_FIXTURES}/atoms.json`));
  const random = new Random(SEED);
  const below = (count: number) => Math.floor(random.uniform() * count);
  const any = <T>(items: readonly T[]) => items[below(items.length)]!;
  const atom = (): string => {
    const kind = below(8);
    if (kind < 2) return any(atoms.words);
    if (kind < 4) return any(vocabulary);
    if (kind >= 6) return any(atoms.pieces);
    const [low, high] = any(atoms.ranges);
    let text = "";
    for (let left = 1 + below(3); left > 0; left--) text += String.fromCodePoint(low + below(high - low + 1));
    return text;
  };
  return Array.from({ length: COUNT }, (_, i) => {
    const count = i % 500 === 499 ? 1200 : i % 20 === 0 ? below(2) : 1 + below(24);
    const spaced = below(4); // no white space, mostly plain, or any kind
    let text = "";
    for (let at = 0; at < count; at++) {
      if (spaced === 3 || (spaced > 0 && below(16) === 0)) text += any(atoms.spaces);
      else if (spaced > 0 && at > 0) text += " ";
      text += atom();
    }
    return text;
  });
}
