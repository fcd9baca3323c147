// Downloads one file from the hub into the cache: resumed where it was cut, and checked by size and hash before it gets
// its name.
import { createHash } from "node:crypto";
import { writeFully } from "./file_bytes.ts";
import { fileSize, megabytes, type ModelCache, removeFile } from "./hub_cache.ts";
import type { HubClient, RemoteFile } from "./hub_client.ts";
import { TemporaryFailure } from "./hub_retry.ts";
import { UserError } from "../base/user_error.ts";

/** Is called as downloads go on, to show it; all counts are bytes, and `done` counts from the start of the file. */
export interface DownloadProgress {
  /** Is called when a file of `total` bytes is begun, of which `done` are here from an earlier time. */
  begin(file: string, total: number, done: number): void;
  /** Is called when bytes have arrived; `done` falls back where a download has to start anew. */
  advance(file: string, done: number): void;
  end(file: string): void;
  /** Is called with something that a user should read: a wait, another try. */
  note(message: string): void;
}

/** Tries are counted anew after this much has arrived, so that they are bounded even by a server that drips. */
const PROGRESS_BYTES = 1 << 20;

/** Puts a file of a commit into the blobs of the cache, unless it is there. Throws a UserError if it cannot be had whole. */
export async function downloadBlob(
  client: HubClient,
  cache: ModelCache,
  id: string,
  commit: string,
  file: RemoteFile,
  progress: DownloadProgress,
): Promise<void> {
  const blob = cache.blob(file.hash);
  const waiting = () => progress.note(`Another process is downloading ${file.name} of ${id}; waiting for it`);
  await cache.locked(file.hash, waiting, async (alone) => {
    if (fileSize(blob) === file.size) return;
    const part = `${blob}${alone ? "" : `.${crypto.randomUUID()}`}.incomplete`;
    progress.begin(file.name, file.size, fileSize(part) ?? 0);
    try {
      await fetchChecked(client, id, commit, file, part, progress);
      Deno.renameSync(part, blob);
    } finally {
      if (!alone) removeFile(part); // nobody would go on from it
      progress.end(file.name);
    }
  });
}

async function fetchChecked(
  client: HubClient,
  id: string,
  commit: string,
  file: RemoteFile,
  part: string,
  progress: DownloadProgress,
): Promise<void> {
  for (let fresh = false;; fresh = true) {
    await client.retrying(
      { id, revision: commit, file: file.name },
      (progressed) => fetchRest(client, id, commit, file, part, progress, progressed),
    );
    const fault = await faultOf(part, file);
    if (fault === undefined) return;
    removeFile(part);
    if (fresh) {
      throw new UserError(
        `Cannot fetch ${file.name} of ${id} from ${client.endpoint}: ${fault}, twice. Something on the way alters ` +
          "it, so nothing was kept: check HF_ENDPOINT and any proxy, or try again later",
      );
    }
    progress.note(`${file.name} of ${id}: ${fault}; fetching it anew`);
  }
}

/**
 * Appends to `part` what the file still lacks, as far as the connection lasts. A part needs no If-Range: it is named by
 * the hash of the whole, the address by a commit, and the whole is hashed in the end.
 */
async function fetchRest(
  client: HubClient,
  id: string,
  commit: string,
  file: RemoteFile,
  part: string,
  progress: DownloadProgress,
  progressed: () => void,
): Promise<void> {
  const before = fileSize(part) ?? 0;
  if (before >= file.size && file.size > 0) return; // too long is for the check to find
  const headers: HeadersInit = before > 0 ? { range: `bytes=${before}-` } : {};
  const subject = { id, revision: commit, file: file.name };
  await client.request(subject, client.fileUrl(id, commit, file.name), headers, async (response, body) => {
    const resumes = response.status === 206 &&
      response.headers.get("content-range")?.startsWith(`bytes ${before}-`) === true;
    if (response.status !== 200 && !resumes) {
      removeFile(part);
      throw new TemporaryFailure(`the server does not go on from byte ${before} of ${file.name}`);
    }
    using out = Deno.openSync(part, { create: true, write: true, append: resumes, truncate: !resumes });
    let done = resumes ? before : 0;
    let counted = done;
    for await (const piece of body) {
      writeFully(out, piece);
      done += piece.length;
      progress.advance(file.name, Math.min(done, file.size));
      if (done > file.size) return;
      if (done - counted >= PROGRESS_BYTES) {
        counted = done;
        progressed();
      }
    }
    await out.syncData(); // its name will vouch for it
  });
}

/** Says what is wrong with a downloaded file; undefined if it is what the hub said. */
async function faultOf(path: string, file: RemoteFile): Promise<string | undefined> {
  const size = fileSize(path) ?? 0;
  if (size !== file.size) {
    return size > file.size
      ? `it is longer than the ${megabytes(file.size)} it should have`
      : `it ends after ${megabytes(size)} of ${megabytes(file.size)}`;
  }
  const bySha256 = file.hash.length === 64;
  const hash = createHash(bySha256 ? "sha256" : "sha1");
  if (!bySha256) hash.update(`blob ${size}\0`); // as git hashes a file
  using opened = Deno.openSync(path);
  const chunk = new Uint8Array(1 << 20);
  for (let count; (count = await opened.read(chunk)) !== null;) hash.update(chunk.subarray(0, count));
  if (hash.digest("hex") === file.hash) return undefined;
  return `its ${bySha256 ? "SHA-256" : "git SHA-1"} is not the one the hub states`;
}
