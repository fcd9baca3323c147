/** Recognises what Git LFS and git-annex leave in place of a file whose content has not been fetched. */

/** Pointers are shorter than this by their specifications. */
export const MOST_POINTER_BYTES = 1024;

/** Says that a file with these bytes is a pointer, and what to do ("is a ..."); undefined where it is none. */
export function pointerIn(bytes: Uint8Array): string | undefined {
  if (bytes.length > MOST_POINTER_BYTES) return undefined;
  const text = new TextDecoder().decode(bytes);
  if (text.startsWith("version https://git-lfs.github.com/spec/")) {
    return "is a Git LFS pointer, not the file itself: run `git lfs pull` in the folder it was cloned to";
  }
  return isAnnexed(text) ? ANNEXED : undefined;
}

const ANNEXED = "is a git-annex pointer, not the file itself: run `git annex get` on it";

/** git-annex writes `/annex/objects/KEY`, or on file systems without links the target of the link it would have made. */
function isAnnexed(text: string): boolean {
  return /^(?:\/annex|(?:\.\.[\/\\])*\.git[\/\\]annex)[\/\\]objects[\/\\]/.test(text);
}

/** Says why there is no file at a path where none was found ("is missing"): it may be a link that leads nowhere. */
export function whyMissing(path: string): string {
  let target: string;
  try {
    target = Deno.readLinkSync(path);
  } catch {
    return "is missing";
  }
  return isAnnexed(target) ? ANNEXED : `is a link to ${target}, which is missing`;
}
