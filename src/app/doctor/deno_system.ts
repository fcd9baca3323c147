/** The system that this program runs on, as far as Deno lets it look. */
import type { HostSystem } from "./host.ts";

/** The result of `look`; undefined where that is not there, or not for this user or program to see. */
function unlessHidden<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

export const DENO_SYSTEM: HostSystem = {
  os: Deno.build.os,
  arch: Deno.build.arch,
  deno: Deno.version.deno,
  cores: navigator.hardwareConcurrency,
  read: (path) => unlessHidden(() => Deno.readTextFileSync(path)),
  list: (path) => unlessHidden(() => Array.from(Deno.readDirSync(path), ({ name }) => name)),
  exists: (path) => unlessHidden(() => Deno.statSync(path)) !== undefined,
  opens: (path) => {
    using file = unlessHidden(() => Deno.openSync(path, { read: true, write: true }));
    return file !== undefined;
  },
  variable: (name) => unlessHidden(() => Deno.env.get(name)),
  kernel: () => unlessHidden(() => Deno.osRelease()),
  memory: () => unlessHidden(() => Deno.systemMemoryInfo()),
};
