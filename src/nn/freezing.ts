/** Freezing: which part of a pretrained encoder is not learned. */

/** True: all of an encoder. False: none of it. A number: so many of its first layers, and the embeddings below them. */
export type Frozen = boolean | number;

/** True when a parameter is not learned. `name` begins within the encoder, whose layers are called `layer.N`. */
export function isFrozen(name: string, frozen: Frozen): boolean {
  if (typeof frozen === "boolean") return frozen;
  const layer = /(?:^|\.)layer\.(\d+)\./.exec(name);
  return layer ? Number(layer[1]) < frozen : frozen > 0 && name.startsWith("embeddings.");
}
