/** What can be wrong with a file of PyTorch. */

/** A broken rule of the format, or something that weights do not need; the reader makes a UserError of it that names the file. */
export class TorchFault extends Error {
  override name = "TorchFault";
}

const CURE =
  "Only tensors are read, and nothing in the file is run: where you trust it, load it in Python and store its " +
  "state_dict with safetensors.torch.save_file";

/** The fault of a file that may be whole, but holds what is not read here. */
export function refused(what: string): TorchFault {
  return new TorchFault(`${what}. ${CURE}`);
}
