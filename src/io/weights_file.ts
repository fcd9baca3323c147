/** Opens weights as they are found: one file of safetensors or of PyTorch, or several with an index that says which holds what. */
import { exists, isFolder } from "./files.ts";
import { isIndex, shardEnding, soleWeights, WEIGHTS_FILES, weightsFile } from "./hub_files.ts";
import { readJsonFile } from "./json_file.ts";
import { openTorch } from "./pytorch/torch_file.ts";
import { openSafetensors, type StoredArray, type StoredTensor, type TensorFile } from "./safetensors.ts";
import { isJsonObject, shortQuote } from "./strict_json.ts";
import { UserError } from "../base/user_error.ts";

const MAX_TENSORS = 100_000;
/** Each shard keeps a file open. */
const MAX_SHARDS = 512;

/**
 * Opens a safetensors file, a file of `torch.save` (`.bin`, `.pth`, `.pt`, `.ckpt`), the index of shards of either, or a
 * folder that holds one of these, as one view over all tensors. Throws a UserError that names the file and what is wrong
 * with it.
 */
export function openWeights(path: string): TensorFile {
  if (!isFolder(path)) return isIndex(path) ? openSharded(path) : openFile(path);
  const file = weightsFile((name) => exists(`${path}/${name}`)) ??
    soleWeights(Array.from(Deno.readDirSync(path), ({ name }) => name));
  if (file !== undefined) return openWeights(`${path}/${file}`);
  throw new UserError(`Cannot read ${path}: the folder holds none of ${WEIGHTS_FILES.join(", ")}`);
}

function openFile(path: string): TensorFile {
  return /\.(bin|pth?|ckpt)$/.test(path) ? openTorch(path) : openSafetensors(path);
}

function openSharded(indexPath: string): TensorFile {
  const { weightMap, metadata } = readIndex(indexPath);
  const folder = indexPath.slice(0, indexPath.search(/[^/\\]*$/)); // with its separator; empty for the current one
  const files = new Set(weightMap.values());
  if (files.size > MAX_SHARDS) {
    throw new UserError(
      `Cannot read ${indexPath}: it names ${files.size} files, over the limit of ${MAX_SHARDS}`,
    );
  }
  using opened = new DisposableStack(); // closes what is open already if a later shard is bad
  const shards = new Map<string, TensorFile>();
  for (const file of files) shards.set(file, opened.use(openFile(folder + file)));
  const holders = new Map<string, TensorFile>();
  for (const [name, file] of weightMap) {
    const shard = shards.get(file)!;
    if (!shard.tensors.has(name)) {
      throw new UserError(
        `Cannot read ${indexPath}: tensor ${shortQuote(name)} is not in ${file}, where it should be`,
      );
    }
    holders.set(name, shard);
  }
  return new ShardedFile(indexPath, metadata, holders, opened.move());
}

class ShardedFile implements TensorFile {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly #holders: ReadonlyMap<string, TensorFile>;
  readonly #opened: DisposableStack;

  constructor(
    path: string,
    metadata: ReadonlyMap<string, string>,
    holders: ReadonlyMap<string, TensorFile>,
    opened: DisposableStack,
  ) {
    this.path = path;
    this.metadata = metadata;
    this.tensors = new Map(Array.from(holders, ([name, shard]) => [name, shard.tensors.get(name)!]));
    this.#holders = holders;
    this.#opened = opened;
  }

  readBytes(name: string): Uint8Array<ArrayBuffer> {
    return this.#holder(name).readBytes(name);
  }

  readTyped(name: string): StoredArray {
    return this.#holder(name).readTyped(name);
  }

  readFloat32(name: string): Float32Array<ArrayBuffer> {
    return this.#holder(name).readFloat32(name);
  }

  close(): void {
    this.#opened.dispose();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #holder(name: string): TensorFile {
    const shard = this.#holders.get(name);
    if (shard === undefined) throw new UserError(`There is no tensor ${shortQuote(name)} in ${this.path}`);
    return shard;
  }
}

/** The index's `weight_map`, from tensor to file name, and those of its metadata that are strings or numbers. */
function readIndex(path: string): { weightMap: Map<string, string>; metadata: Map<string, string> } {
  const fail = (rule: string) => new UserError(`Cannot read ${path}: ${rule}`);
  const root = readJsonFile(path, { depth: 8, keys: MAX_TENSORS });
  if (!isJsonObject(root) || !isJsonObject(root.weight_map)) throw fail(`it has no "weight_map" object`);
  const weightMap = new Map<string, string>();
  const ending = shardEnding(path);
  for (const [name, file] of Object.entries(root.weight_map)) {
    // A plain name only: an index must not reach outside its folder.
    if (typeof file !== "string" || !/^[^/\\:\0]+$/.test(file) || !file.endsWith(ending)) {
      throw fail(`weight_map of ${shortQuote(name)} is not the name of a ${ending} file beside the index`);
    }
    weightMap.set(name, file);
  }
  if (weightMap.size === 0) throw fail("its weight_map is empty");
  const metadata = new Map<string, string>();
  for (const [key, value] of Object.entries(isJsonObject(root.metadata) ? root.metadata : {})) {
    if (typeof value === "string" || typeof value === "number") metadata.set(key, String(value));
  }
  return { weightMap, metadata };
}
