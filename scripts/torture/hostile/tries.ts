/** Mutates a file of a format by a key, reads it, and tells how that ended. */
import { Random } from "../../../src/base/random.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { reason } from "../../../src/io/file_bytes.ts";
import type { Outcome } from "../attack.ts";
import type { Format } from "./formats.ts";
import { mutate } from "./mutate.ts";

/** Words of the engine for what no reader foresees, though it may catch them. */
const UNFORESEEN =
  /call stack|unreachable|not iterable|not a function|not defined|reading '|of undefined|of null|circular|instance of Object|bounds of the DataView|Invalid (?:array|string|typed array) length|allocation failed/i;
/** The share of files whose checksums are made right again. */
const MENDED = 0.7;

/** Makes ready to read files of a format in an empty folder: the tries by their keys. Rejects where a sound file is refused. */
export async function triesOf(format: Format, folder: string): Promise<(key: number) => Promise<Outcome>> {
  const { refuses = (error: unknown) => error instanceof UserError, mend } = format;
  const seeds = await format.seeds();
  const words = (format.words ?? []).map((word) =>
    Uint8Array.from(word, (character) => character.charCodeAt(0))
  );
  const read = await format.open(folder);
  for (const seed of seeds) await read(new Uint8Array(seed));
  return async (key) => {
    const random = new Random(key);
    const bytes = mutate(seeds[Math.floor(random.uniform() * seeds.length)]!, random, words);
    if (mend !== undefined && random.uniform() < MENDED) mend(bytes);
    try {
      await read(bytes);
      return { how: "read" };
    } catch (error) {
      if (refuses(error) && !UNFORESEEN.test(reason(error))) return { how: "refused" };
      return { failed: error instanceof Error ? error.stack ?? String(error) : `${error}` };
    }
  };
}
