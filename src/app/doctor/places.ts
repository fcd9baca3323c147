/** Tries whether the folders that the program keeps things in can be written. */
import { dirname, join, resolve } from "node:path";
import { statfsSync } from "node:fs";
import { defaultCacheDirectory } from "../../data/images/image_store.ts";
import { reason } from "../../io/file_bytes.ts";
import { cacheFolder, hubEnvironment } from "../../io/hub_cache.ts";

export interface Place {
  readonly name: "cache" | "hub_cache" | "runs";
  readonly path: string;
  /** Why it cannot be written; null where it can. */
  readonly fault: string | null;
  /** Free bytes of its disk, if that is known. */
  readonly free: number | null;
}

/** Tries the folders for images and plans, for models of the hub, and for runs. Leaves nothing behind. */
export function examinePlaces(): Place[] {
  const of = (name: Place["name"], find: () => string): Place => {
    let path = "";
    try {
      path = resolve(find());
      return { name, path, ...tryToWrite(path) };
    } catch (error) {
      return { name, path, fault: reason(error), free: null };
    }
  };
  return [
    of("cache", defaultCacheDirectory),
    of("hub_cache", () => cacheFolder(hubEnvironment())),
    of("runs", () => "runs"),
  ];
}

/** Makes and removes a file in the folder or, where there is none yet, in the one that it would be made in. */
export function tryToWrite(path: string): Pick<Place, "fault" | "free"> {
  let folder = path;
  while (!exists(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const file = join(folder, `.unis-doctor-${crypto.randomUUID()}`);
  try {
    Deno.writeTextFileSync(file, "", { createNew: true });
    Deno.removeSync(file);
  } catch (error) {
    return { fault: reason(error), free: null };
  }
  const { bavail, bsize } = statfsSync(folder);
  return { fault: null, free: bavail * bsize };
}

/** Whether there is anything at a path: where that cannot be told, there is, and writing to it says why. */
function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
