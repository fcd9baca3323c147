/** All mutants of a folder, and the order they are drawn in by a seed. */
import { keyOf, Random } from "../../src/base/random.ts";
import { type Mutation, mutationsOf } from "./mutations.ts";

export interface Mutant extends Mutation {
  readonly folder: string;
  readonly file: string;
  readonly line: number;
  /** The text of that line. */
  readonly context: string;
  /** The file with the change made. */
  readonly text: () => string;
}

/** Every mutant of `files`, which belong to `folder`. */
export function mutantsOf(
  folder: string,
  files: readonly string[],
  textOf: (path: string) => string,
): Mutant[] {
  return files.flatMap((file) => {
    const source = textOf(file), lines = source.split("\n");
    return mutationsOf(source, file.endsWith(".wgsl") ? "wgsl" : "ts").map((mutation) => {
      const line = source.slice(0, mutation.start).split("\n").length;
      const text = () => source.slice(0, mutation.start) + mutation.after + source.slice(mutation.end);
      return { ...mutation, folder, file, line, context: lines[line - 1]!.trim(), text };
    });
  });
}

/**
 * Each mutant of each folder once, the folders by turns, those of a folder the sooner the larger their weight; in an order
 * that the seed decides. A mutant's place among the others depends on nothing but its line, so that the same ones come
 * first after the code around them has changed.
 */
export function* draw(folders: readonly (readonly Mutant[])[], seed: number): Generator<Mutant, undefined> {
  const orders = folders.map((mutants) => {
    const seen = new Map<string, number>();
    return mutants.map((mutant) => {
      const name = [mutant.file, mutant.context, mutant.before, mutant.after].join("\n");
      const nth = (seen.get(name) ?? 0) + 1;
      seen.set(name, nth);
      const random = new Random(keyOf(seed, nth, ...Array.from(name, (letter) => letter.codePointAt(0)!)));
      // Efraimidis and Spirakis, 2006: sorted by u^(1 / weight), items come as if drawn one after the other by weight.
      return { mutant, key: Math.log(1 - random.uniform()) / mutant.weight };
    }).sort((a, b) => b.key - a.key);
  });
  for (let turn = 0; orders.some((order) => turn < order.length); turn++) {
    for (const order of orders) if (turn < order.length) yield order[turn]!.mutant;
  }
}
