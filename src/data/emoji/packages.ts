/** Where the files of the emoji are: in npm packages, or in the archive that a compiled program carries instead. */
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { UserError } from "../../base/user_error.ts";
import { archiveDigest, packFiles, unpackFiles } from "../../io/file_archive.ts";
import { reason } from "../../io/file_bytes.ts";
import { exists } from "../../io/files.ts";
import { BeingWritten } from "../../io/new_file.ts";
import { NewFolder } from "../../io/new_folder.ts";
import type { Resolve } from "../package_file.ts";
import { readCatalogueFiles } from "./catalogue.ts";
import { readStyleFiles, STYLES } from "./images.ts";

/** The archive, beside `main.ts` of a compiled program; a checkout has none. */
export const EMOJI_ARCHIVE = "emoji.archive";

const BESIDE_MAIN = join(import.meta.dirname!, "../../..", EMOJI_ARCHIVE);

/**
 * What finds the files of the packages: where there is an archive, it is unpacked below `directory` once, since images
 * are read by workers and compared with those of a run as files. Throws a UserError where that cannot be done.
 */
export async function emojiPackages(directory: string, archive: string = BESIDE_MAIN): Promise<Resolve> {
  if (!exists(archive)) return import.meta.resolve;
  const bytes = await Deno.readFile(archive);
  const folder = join(directory, `emoji-files-${archiveDigest(bytes, archive).slice(0, 16)}`);
  while (!exists(folder)) {
    try {
      unpack(bytes, archive, folder);
    } catch (error) {
      if (!(error instanceof BeingWritten)) throw error;
      await delay(100);
    }
  }
  return (specifier) => {
    const path = join(folder, specifier);
    return exists(path) ? pathToFileURL(path).href : import.meta.resolve(specifier);
  };
}

/** The folder appears whole or not at all, be it made by two processes at once. */
function unpack(bytes: Uint8Array, archive: string, folder: string): void {
  const files = unpackFiles(bytes, archive);
  try {
    using target = new NewFolder(folder);
    for (const [path, content] of files) {
      const place = join(target.filled, path);
      Deno.mkdirSync(dirname(place), { recursive: true });
      Deno.writeFileSync(place, content);
    }
    target.place();
  } catch (error) {
    if (exists(folder)) return; // another process was faster
    if (error instanceof BeingWritten) throw error;
    throw new UserError(
      `Cannot unpack the emoji into ${folder}: ${
        reason(error)
      }; set UNIS_CACHE_DIR to a folder that you may write to`,
    );
  }
}

/** Makes the archive, of what is read of the packages and no more: `images` are the paths of those in use. */
export async function packEmoji(
  images: readonly string[],
  resolve?: Resolve,
): Promise<Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array>();
  const add = (path: string, value: unknown) =>
    files.set(path, new TextEncoder().encode(JSON.stringify(value)));
  for (const [path, value] of Object.entries(await readCatalogueFiles(resolve))) add(path, value);
  for (const style of STYLES) {
    const { about, records, folder } = await readStyleFiles(style, resolve);
    const own = images.filter((path) => path.startsWith(join(folder, "/")));
    const names = new Set(own.map((path) => basename(path)));
    add(`${about.name}/package.json`, about);
    add(`${about.name}/emoji.json`, records.filter(({ image }) => names.has(image)));
    for (const path of own) {
      files.set(`${about.name}${path.slice(folder.length).replaceAll("\\", "/")}`, await Deno.readFile(path));
    }
  }
  return packFiles(files);
}
