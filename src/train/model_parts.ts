/** The parts of a model, as the names of its parameters begin: encoders by their modality, and the heads. */
import { MISSING } from "../models/method_checks.ts";

export const HEADS = "heads";

/** The part that a parameter belongs to by its name: an encoder's, or "heads" for all of them. */
export function partOf(name: string): string {
  return name.slice(0, name.indexOf("."));
}

/** That part in words: "text encoder", "fusion head". */
export function describePart(name: string): string {
  const [first, second] = name.split(".");
  if (first === HEADS && second === MISSING) return "missing modalities";
  return first === HEADS ? `${second} head` : `${first} encoder`;
}
