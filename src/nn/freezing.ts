/** Which part of a pretrained encoder stays as it is. */

/** All of an encoder, none of it, or so many of its first layers with the embeddings below them. */
export type Frozen = boolean | number;

/** True when a parameter of an encoder, named from the encoder on, is not learned. Layers are called `layer.N`. */
export function isFrozen(name: string, frozen: Frozen): boolean {
  if (typeof frozen === "boolean") return frozen;
  const layer = /(?:^|\.)layer\.(\d+)\./.exec(name);
  return layer ? Number(layer[1]) < frozen : frozen > 0 && name.startsWith("embeddings.");
}
