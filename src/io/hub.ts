/** Finds the folder with the files of a model by its name: a folder of one's own, the Hugging Face cache, or the hub. */
import { join } from "node:path";
import { cacheFolder, type Environment, fileSize, hubEnvironment, ModelCache, writing } from "./hub_cache.ts";
import { HubClient, type RemoteFile } from "./hub_client.ts";
import { downloadBlob, type DownloadProgress } from "./hub_download.ts";
import {
  candidates,
  CONFIG,
  type FileKind,
  isIndex,
  lacking,
  otherWeights,
  shardNames,
  soleWeights,
  wantedFiles,
  WEIGHTS,
  weightsFile,
} from "./hub_files.ts";
import { isFolder } from "./files.ts";
import { type Clock, SYSTEM_CLOCK } from "./hub_retry.ts";
import { suggestModel } from "./known_models.ts";
import { isOffline } from "./hub_settings.ts";
import { shortQuote } from "./strict_json.ts";
import { UserError } from "../base/user_error.ts";

export type { DownloadProgress, FileKind };

export interface ResolveOptions {
  /** The uses that the model is wanted for. */
  readonly kinds: readonly FileKind[];
  /** A branch, tag or commit; `main` by default. A commit pins the files for ever. */
  readonly revision?: string | undefined;
  readonly progress?: DownloadProgress | undefined;
  /** `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT` and `HF_HUB_OFFLINE` are honoured. */
  readonly env?: Environment | undefined;
  readonly clock?: Clock | undefined;
}

export interface ResolvedModel {
  /** The folder that holds `config.json` and what the kinds need, under their own names. */
  readonly folder: string;
  readonly source: "folder" | "cache" | "hub";
  /** The commit that the files belong to; undefined for a folder of one's own. */
  readonly commit: string | undefined;
}

const SILENT: DownloadProgress = { begin() {}, advance() {}, end() {}, note() {} };

/**
 * Finds the files of a model: in a local folder, else in the Hugging Face cache, else by downloading them into it
 * (resumed where an earlier download was cut, each checked by size and hash). A cached branch is taken as it is, without
 * asking the hub. Throws a UserError that names the model, the file and what to do.
 */
export async function resolveModel(idOrFolder: string, options: ResolveOptions): Promise<ResolvedModel> {
  const { kinds, revision = "main", env = hubEnvironment() } = options;
  if (isFolder(idOrFolder)) {
    if (options.revision !== undefined) {
      throw new UserError(
        `Cannot take revision ${shortQuote(revision)} of the folder ${idOrFolder}: only a hub has them`,
      );
    }
    checkFolder(idOrFolder, kinds);
    return { folder: idOrFolder, source: "folder", commit: undefined };
  }
  checkId(idOrFolder);
  checkRevision(revision);
  const cache = new ModelCache(cacheFolder(env), idOrFolder);
  const commit = cache.commitOf(revision);
  const lacks = commit === undefined ? undefined : lacksInCache(cache, commit, kinds);
  if (commit !== undefined && lacks?.length === 0) {
    return { folder: cache.snapshot(commit), source: "cache", commit };
  }
  if (isOffline(env)) {
    const what = lacks ? `lacks ${lacks.join(", ")} of it` : "does not have it";
    throw new UserError(
      `Cannot find ${idOrFolder} (revision ${revision}) offline: ${cache.folder} ${what}. Unset HF_HUB_OFFLINE to ` +
        `download it, set HF_HOME to a cache that has it, or give the path of a folder${
          suggestModel(idOrFolder)
        }`,
    );
  }
  return await writing(cache.root, () => download(cache, idOrFolder, revision, kinds, env, options));
}

async function download(
  cache: ModelCache,
  id: string,
  revision: string,
  kinds: readonly FileKind[],
  env: Environment,
  { progress = SILENT, clock = SYSTEM_CLOCK }: ResolveOptions,
): Promise<ResolvedModel> {
  const client = new HubClient(env, clock, progress.note.bind(progress));
  const commit = await client.commitOf(id, revision);
  const files = await client.filesOf(id, commit);
  const names = new Set(files.keys());
  const folder = cache.snapshot(commit);
  const where = `${id} on ${client.endpoint} (commit ${commit})`;

  const fetchAll = async (wanted: string[]) => {
    const missing = wanted.map((name) => files.get(name)!).filter(({ name, size }) =>
      fileSize(join(folder, name)) !== size
    );
    await cache.prepare(bytesToCome(cache, missing));
    for (const file of missing) {
      await downloadBlob(client, cache, id, commit, file, progress);
      cache.link(commit, file.name, file.hash);
    }
  };
  // The index first: it names the shards. What shards the repository lacks is known before any is fetched.
  const wanted = wantedFiles(kinds, names);
  const indices = wanted.filter(isIndex);
  await fetchAll(indices);
  const lacks = lacking(kinds, (name) => names.has(name), folder);
  if (lacks.length > 0) throw insufficient(where, lacks, names);
  await fetchAll([...wanted, ...indices.flatMap((index) => shardNames(join(folder, index)))]);
  cache.markAbsent(commit, candidates(kinds).filter((name) => !names.has(name)));
  cache.setRef(revision, commit);
  return { folder, source: "hub", commit };
}

function bytesToCome(cache: ModelCache, files: readonly RemoteFile[]): number {
  const here = ({ hash }: RemoteFile) =>
    fileSize(cache.blob(hash)) ?? fileSize(`${cache.blob(hash)}.incomplete`) ?? 0;
  return files.reduce((sum, file) => sum + Math.max(0, file.size - here(file)), 0);
}

function lacksInCache(cache: ModelCache, commit: string, kinds: readonly FileKind[]): string[] {
  return lacking(kinds, (name) => cache.presence(commit, name), cache.snapshot(commit));
}

function checkFolder(folder: string, kinds: readonly FileKind[]): void {
  const names = new Set(Array.from(Deno.readDirSync(folder), (entry) => entry.name));
  const hasWeights = soleWeights(names) !== undefined || weightsFile((name) => names.has(name)) !== undefined;
  const has = (name: string) => names.has(name) || name === WEIGHTS && soleWeights(names) !== undefined;
  // Some encoders are told by their weights, so that these may lie in a folder of one's own alone.
  const lacks = lacking(kinds, has, folder).filter((name) => name !== CONFIG || !hasWeights);
  if (lacks.length > 0) throw insufficient(folder, lacks, names);
}

function insufficient(where: string, lacks: readonly string[], names: Iterable<string>): UserError {
  const hint = lacks.includes(WEIGHTS) ? otherWeights(names) : "";
  return new UserError(`Cannot use ${where}: it lacks ${lacks.join(", ")}${hint}`);
}

/** A hub's names: they become parts of paths and addresses, so nothing else passes. */
function checkId(id: string): void {
  const part = "[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?";
  const sound = new RegExp(`^(?:${part}/)?${part}$`).test(id) && id.length <= 96 &&
    !/--|\.\.|\.git$/.test(id);
  if (sound) return;
  throw new UserError(
    `Cannot find the model ${
      shortQuote(id)
    }: there is no such folder, and it is no id of a hub, which looks like ` +
      "google-bert/bert-base-uncased",
  );
}

function checkRevision(revision: string): void {
  const sound = /^[A-Za-z0-9_][A-Za-z0-9._+/-]*$/.test(revision) && revision.length <= 200 &&
    !/\.\.|\/\/|\/\.|\/$/.test(revision);
  if (!sound) throw new UserError(`${shortQuote(revision)} is not the name of a branch, tag or commit`);
}
