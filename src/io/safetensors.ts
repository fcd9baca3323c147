// Reads and writes safetensors files. Opening takes the header only; each tensor is read when it is asked for.
import { openRegularFile, readFully } from "./file_bytes.ts";
import { HeaderError, headerLength, parseHeader } from "./safetensors_header.ts";
import { LazyTensors, type TensorFile } from "./tensor_file.ts";
import { UserError } from "../base/user_error.ts";

export type { StoredArray, StoredDtype, StoredTensor } from "./stored_tensor.ts";
export type { TensorFile } from "./tensor_file.ts";
export { safetensorsParts, type TensorToStore, writeSafetensors } from "./safetensors_writer.ts";

/** Opens a safetensors file and checks its header. Throws a UserError that names the file and the rule it breaks. */
export function openSafetensors(path: string): TensorFile {
  const file = openRegularFile(path);
  try {
    const fileBytes = file.statSync().size;
    const start = new Uint8Array(Math.min(8, fileBytes));
    readFully(path, file, 0, start);
    const json = new Uint8Array(headerLength(start, fileBytes));
    readFully(path, file, 8, json);
    const { tensors, metadata } = parseHeader(json, fileBytes);
    return new LazyTensors(path, file, tensors, metadata);
  } catch (error) {
    file.close();
    if (error instanceof HeaderError) throw new UserError(`Cannot read ${path}: ${error.message}`);
    throw error;
  }
}
