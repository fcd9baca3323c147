// Reads the weights in a file that PyTorch's `torch.save` wrote: an archive with a pickle that describes the tensors, and
// their bytes beside it; or, before 1.6, pickles and bytes one after the other. Nothing of it is run: see pickle.ts.
import { refused, TorchFault } from "./fault.ts";
import { unpickle } from "./pickle.ts";
import { Dict } from "./pickle_machine.ts";
import { isLegacy, readLegacy } from "./legacy.ts";
import { PickledTensor, type Saved, storageOf, torchGlobal } from "./torch_objects.ts";
import { ZipArchive } from "./zip.ts";
import { openRegularFile, readFully } from "../file_bytes.ts";
import { DTYPE_BYTES, type StoredTensor } from "../stored_tensor.ts";
import { shortQuote } from "../strict_json.ts";
import { LazyTensors, type TensorFile } from "../tensor_file.ts";
import { UserError } from "../../base/user_error.ts";

/** A tensor's description takes some 200 bytes. */
const MAX_PICKLE = 32 << 20;
const MAX_TENSORS = 100_000;
/** Where training scripts keep the weights among other things, in the order they are looked for. */
const NESTED = ["state_dict", "model_state_dict", "model", "module", "net", "params"];

/**
 * Opens a file of `torch.save` and lists the tensors of its state dict. Whatever else it holds is left alone, or refused
 * where it is not known to be harmless. Throws a UserError that names the file and what is wrong with it.
 */
export function openTorch(path: string): TensorFile {
  const file = openRegularFile(path);
  try {
    const { root, placeOf } = readSaved(path, file);
    return new LazyTensors(path, file, placed(stateDict(root), placeOf), new Map([["format", "pt"]]));
  } catch (error) {
    file.close();
    if (error instanceof TorchFault) throw new UserError(`Cannot read ${path}: ${error.message}`);
    throw error;
  }
}

function readSaved(path: string, file: Deno.FsFile): Saved {
  const start = new Uint8Array(Math.min(512, file.statSync().size));
  readFully(path, file, 0, start);
  const text = new TextDecoder("latin1").decode(start);
  if (text.startsWith("PK")) return readArchive(path, file);
  if (isLegacy(start)) return readLegacy(path, file);
  if (text.slice(257, 262) === "ustar") throw refused("it is of a PyTorch before 0.2");
  if (text[8] === "{") throw new TorchFault("it is a safetensors file: give it the ending .safetensors");
  throw new TorchFault("it is no file of PyTorch's torch.save: it is damaged, or something else");
}

function readArchive(path: string, file: Deno.FsFile): Saved {
  const zip = new ZipArchive(path, file);
  // PyTorch names the folder within after the file, which may have been renamed.
  const pickles = Array.from(zip.names).filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw new TorchFault(
      `its archive has ${pickles.length} files FOLDER/data.pkl, not one: it is not of torch.save`,
    );
  }
  const folder = pickles[0]!.slice(0, -"data.pkl".length);
  if (zip.has(`${folder}constants.pkl`)) throw refused("it is a program of TorchScript (torch.jit.save)");
  const read = (name: string) => {
    const { begin, end } = zip.find(name);
    if (end - begin > MAX_PICKLE) throw new TorchFault(`its ${name} is of over ${MAX_PICKLE} bytes`);
    const bytes = new Uint8Array(end - begin);
    readFully(path, file, begin, bytes);
    return bytes;
  };
  if (zip.has(`${folder}byteorder`)) {
    const order = new TextDecoder().decode(read(`${folder}byteorder`));
    if (order !== "little") throw refused(`its byteorder is ${shortQuote(order)}, not "little"`);
  }
  const { value } = unpickle(read(pickles[0]!), 0, { global: torchGlobal, persistent: storageOf });
  const places = new Map<string, { begin: number; end: number }>();
  return {
    root: value,
    placeOf({ key, dtype, length }) {
      let place = places.get(key);
      if (place === undefined) places.set(key, place = zip.find(`${folder}data/${key}`));
      const bytes = length * (dtype === undefined ? 1 : DTYPE_BYTES[dtype]);
      if (place.end - place.begin === bytes) return place.begin;
      throw new TorchFault(
        `its storage ${shortQuote(key)} has ${place.end - place.begin} bytes, where its pickle says ${bytes}`,
      );
    },
  };
}

/** The tensors by name. Throws a TorchFault where the root holds none. */
function stateDict(root: unknown): Map<string, PickledTensor> {
  const entries = root instanceof Dict ? root.entries : new Map();
  for (const value of [...NESTED.map((name) => entries.get(name)), root]) {
    const tensors = tensorsOf(value);
    if (tensors.size > 0) return tensors;
  }
  const keys = [...entries.keys()].filter((key) => typeof key === "string").slice(0, 8).map(shortQuote);
  const holds = keys.length > 0 ? `only ${keys.join(", ")}` : "no dict at all";
  throw refused(
    `it holds no state dict (names with tensors, at its root or as "state_dict" or "model"), ${holds}`,
  );
}

/** Entries of a dict that are tensors with a name. */
function tensorsOf(value: unknown): Map<string, PickledTensor> {
  const tensors = new Map<string, PickledTensor>();
  if (!(value instanceof Dict)) return tensors;
  for (const [name, tensor] of value.entries) {
    if (typeof name === "string" && tensor instanceof PickledTensor) tensors.set(name, tensor);
  }
  if (tensors.size > MAX_TENSORS) throw new TorchFault(`it has ${tensors.size} tensors, over ${MAX_TENSORS}`);
  return tensors;
}

function placed(
  tensors: ReadonlyMap<string, PickledTensor>,
  placeOf: Saved["placeOf"],
): Map<string, StoredTensor> {
  return new Map(Array.from(tensors, ([name, { storage, dtype, shape, strides, offset, span }]) => {
    const elementBytes = DTYPE_BYTES[dtype];
    const begin = placeOf(storage) + offset * elementBytes;
    const end = begin + span * elementBytes;
    return [name, { dtype, shape, begin, end, ...strides && { strides } }];
  }));
}
