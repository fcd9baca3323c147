/** All mutants of a folder, and the order they are drawn in by a seed. */
import { Random } from "../../src/base/random.ts";
import { type Mutation, mutationsOf } from "./mutations.ts";

export interface Mutant extends Mutation {
  readonly folder: string;
  readonly file: string;
  readonly line: number;
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
    const source = textOf(file);
    return mutationsOf(source, file.endsWith(".wgsl") ? "wgsl" : "ts").map((mutation) => ({
      ...mutation,
      folder,
      file,
      line: source.slice(0, mutation.start).split("\n").length,
      text: () => source.slice(0, mutation.start) + mutation.after + source.slice(mutation.end),
    }));
  });
}

/**
 * Each mutant of each folder once, the folders by turns, those of a folder the sooner the larger their weight; in the
 * same order for the same seed.
 */
export function* draw(folders: readonly (readonly Mutant[])[], seed: number): Generator<Mutant, undefined> {
  const orders = folders.map((mutants) => {
    // Efraimidis and Spirakis, 2006: sorted by u^(1 / weight), items come as if drawn one after the other by weight.
    const random = new Random(seed);
    return mutants.map((mutant) => ({ mutant, key: Math.log(1 - random.uniform()) / mutant.weight }))
      .sort((a, b) => b.key - a.key);
  });
  for (let turn = 0; orders.some((order) => turn < order.length); turn++) {
    for (const order of orders) if (turn < order.length) yield order[turn]!.mutant;
  }
}
