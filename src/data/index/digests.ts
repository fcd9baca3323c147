/** Digests of what samples hold, by which a run notices that its data changed. */
import { createHash } from "node:crypto";
import { UserError } from "../../base/user_error.ts";
import { reason } from "../../io/file_bytes.ts";
import { bytesOf, type ImageLocation, nameOf } from "../stored_bytes.ts";
import type { IndexedModality, IndexedSample, Input } from "./sample_index.ts";

/** Hexadecimal digits that are kept: 128 bits, which no two samples share by chance. */
const DIGITS = 32;
/** Files read at once. */
const AT_ONCE = 16;
/** Milliseconds between two lines that tell how far it is. */
const TELL = 10_000;

/**
 * One digest a sample, over the contents of its inputs, and its weight where it has one: the bytes of image files, whatever they are called and wherever
 * they lie, texts, and numbers. Throws a UserError that names an image that cannot be read.
 */
export async function digestSamples(
  samples: readonly IndexedSample[],
  modalities: readonly IndexedModality[],
  note: (message: string) => void,
): Promise<string[]> {
  const images = modalities.filter(({ kind }) => kind === "image").map(({ name }) => name);
  const places = new Set(
    samples.flatMap(({ inputs }) =>
      images.map((name) => inputs[name] as ImageLocation | null).filter((place) => place !== null)
    ),
  );
  const files = await digestFiles([...places], note);
  return samples.map(({ inputs, weight }) => {
    const hash = createHash("sha256");
    for (const { name, kind } of modalities) {
      const input = inputs[name]!;
      if (input === null) {
        hash.update(`${name} is missing\n`);
        continue;
      }
      const bytes = input instanceof Float32Array
        ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
        : kind === "image"
        ? files.get(input)!
        : new TextEncoder().encode(kind === "text" ? input as string : JSON.stringify(input));
      // The length goes before, so that no two lists of inputs are one row of bytes.
      hash.update(`${name} ${bytes.length}\n`).update(bytes);
    }
    if (weight !== undefined) hash.update(`weight ${weight}\n`);
    return hash.digest("hex").slice(0, DIGITS);
  });
}

/** One digest for any number of lines, in whatever order they come. */
export function digestLines(lines: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(lines.toSorted())).digest("hex").slice(0, DIGITS);
}

async function digestFiles(
  places: readonly ImageLocation[],
  note: (message: string) => void,
): Promise<Map<Input, Uint8Array>> {
  const digests = new Map<Input, Uint8Array>();
  let next = 0, told = performance.now();
  const work = async () => {
    while (next < places.length) {
      const place = places[next++]!;
      digests.set(place, createHash("sha256").update(await readImage(place)).digest());
      if (performance.now() - told < TELL) continue;
      told = performance.now();
      note(`Compared    ${digests.size} of ${places.length} images`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return digests;
}

async function readImage(place: ImageLocation): Promise<Uint8Array> {
  try {
    return await bytesOf(place);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot read the image ${nameOf(place)}: ${reason(error)}`);
  }
}
