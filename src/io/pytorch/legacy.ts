// The files of PyTorch before 1.6 (and of `_use_new_zipfile_serialization=False`): pickles of a magic number, a version,
// the machine it was written on, the object, and the names of its storages; then each storage in that order, the number
// of its elements as eight bytes before it.
import { refused, TorchFault } from "./fault.ts";
import { unpickle } from "./pickle.ts";
import { Dict, type PickleWorld } from "./pickle_machine.ts";
import { type Saved, type Storage, storageOf, torchGlobal } from "./torch_objects.ts";
import { readFully } from "../file_bytes.ts";
import { DTYPE_BYTES } from "../stored_tensor.ts";
import { shortQuote } from "../strict_json.ts";

const MAX_PICKLES = 64 << 20;
/** The pickle of PyTorch's magic number, 0x1950a86a20f9469cfc6c. */
const MAGIC = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const VERSION = 1001;

/** Whether a file that begins so is one of these. */
export function isLegacy(start: Uint8Array): boolean {
  return MAGIC.every((byte, at) => start[at] === byte);
}

/** Reads such a file. Throws a TorchFault for what breaks the rules of the format. */
export function readLegacy(path: string, file: Deno.FsFile): Saved {
  const fileBytes = file.statSync().size;
  const bytes = new Uint8Array(Math.min(fileBytes, MAX_PICKLES));
  readFully(path, file, 0, bytes);
  const storages = new Map<string, Storage>();
  const world: PickleWorld = {
    global: torchGlobal,
    persistent(id) {
      const storage = storageOf(id);
      const { dtype, length } = storages.get(storage.key) ?? storage;
      if (dtype !== storage.dtype || length !== storage.length) {
        throw new TorchFault(`its storage ${shortQuote(storage.key)} is described in two ways`);
      }
      storages.set(storage.key, storage);
      return storage;
    },
  };
  let at = MAGIC.length;
  const next = () => {
    const { value, end } = unpickle(bytes, at, world);
    at = end;
    return value;
  };
  const version = next();
  if (version !== VERSION) {
    throw refused(`its version is ${typeof version === "number" ? version : "none"}, not ${VERSION}`);
  }
  const machine = next();
  if (machine instanceof Dict && machine.entries.get("little_endian") === false) {
    throw refused("it was written on a machine of the other byte order");
  }
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new TorchFault("its list of storages is none");
  const places = new Map<string, number>();
  for (const key of keys) {
    const storage = storages.get(key);
    if (storage === undefined) throw new TorchFault("it has a storage that nothing in it describes");
    const length = storage.length * DTYPE_BYTES[storage.dtype ?? "U8"];
    const count = new DataView(new ArrayBuffer(8));
    if (at + 8 + length > fileBytes) {
      throw new TorchFault("its storages reach beyond its end: it was not fetched whole");
    }
    readFully(path, file, at, new Uint8Array(count.buffer));
    if (count.getBigUint64(0, true) !== BigInt(storage.length)) {
      throw new TorchFault(`its storage ${shortQuote(storage.key)} is not of the size that its pickle says`);
    }
    places.set(storage.key, at + 8);
    at += 8 + length;
  }
  return {
    root,
    placeOf({ key }) {
      const place = places.get(key);
      if (place === undefined) throw new TorchFault(`its storage ${shortQuote(key)} is not in the file`);
      return place;
    },
  };
}
