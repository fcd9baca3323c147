/** Makes maps of vectors on the plane by t-SNE. */
import { TSNE } from "@keckelt/tsne";
import { keyOf, Random } from "../../base/random.ts";
import { pause, throwIfInterrupted } from "../../base/interrupt.ts";

const STEPS = 500;
const PERPLEXITY = 30;
/** The iterations between two chances to stop. */
const STEPS_AT_ONCE = 10;

/** The package's t-SNE (exact, of van der Maaten and Hinton), beginning with random numbers of a key. */
class SeededTsne extends TSNE {
  readonly #random: Random;

  constructor(perplexity: number, key: number) {
    super({ perplexity, epsilon: 10 });
    this.#random = new Random(key);
  }

  override gaussRandom(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.#random.uniform()));
    return radius * Math.cos(2 * Math.PI * this.#random.uniform());
  }
}

/** The places on the plane of vectors of one width; the same for the same vectors and seed. */
export async function mapVectors(
  vectors: readonly Float32Array[],
  seed: number,
  signal?: AbortSignal,
): Promise<[number, number][]> {
  if (vectors.length < 4) return vectors.map((_, i) => [i, 0]);
  const tsne = new SeededTsne(Math.min(PERPLEXITY, (vectors.length - 1) / 3), keyOf(seed));
  tsne.initDataRaw(vectors as unknown as number[][]);
  for (let step = 0; step < STEPS; step++) {
    if (step % STEPS_AT_ONCE === 0) {
      await pause();
      throwIfInterrupted(signal);
    }
    tsne.step();
  }
  return tsne.getSolution() as [number, number][];
}

/** The vector in unit length; one of zeros stays as it is. */
export function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
