/** The tokenizer of a run as exports have it. */
import { basename, join } from "node:path";
import type { TextPreprocessing } from "../data/preprocessing.ts";
import type { TextTokenizer } from "../data/text/tokenizer.ts";
import { exists, makeFolder } from "../io/files.ts";
import { TOKENIZER_FILES } from "../io/hub_files.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { modalityFolder } from "../runs/preprocessing.ts";
import type { RunFolder } from "../runs/run_folder.ts";
import type { UnknownPieces } from "./export_encoder.ts";

/** The file that says all of a tokenizer; the others say what `transformers` wants to know beside it. */
export const TOKENIZER = "tokenizer.json";

/**
 * Writes the tokenizer of a modality into `folder`, which is made; gives the pieces whose ids are beyond the vocabulary of
 * the model, where there are any. Without `separates`, pieces that the model does not know share one id.
 */
export function writeTokenizer(
  folder: string,
  run: RunFolder,
  { name, tokenizer, isFitted }: TextPreprocessing,
  { separates = true }: { readonly separates?: boolean } = {},
): UnknownPieces | undefined {
  makeFolder(folder);
  const kept = modalityFolder(run, name);
  for (const file of TOKENIZER_FILES.map((file) => join(kept, file)).filter(exists)) {
    Deno.copyFileSync(file, join(folder, basename(file)));
  }
  const separate = isFitted && separates ? separateUnknown(tokenizer) : undefined;
  // As it is used: options that stand in other files have been taken over.
  writeJsonFile(join(folder, TOKENIZER), separate?.json ?? tokenizer.json);
  return separate;
}

/**
 * In the tokenizer of a run, the pieces that no training text had share the id of [UNK], so that the model need not hold
 * them. `tokenizers` reads that, but writes one piece an id, and whoever saved such a tokenizer would lose the others.
 * An export therefore gives each an id of its own after all others, which the model must take for [UNK]; what it computes
 * stays the same.
 */
function separateUnknown(
  { json, unknownId, vocabularySize }: TextTokenizer,
): UnknownPieces & { readonly json: object } {
  const { model } = json as {
    readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly unk_token: string };
  };
  let next = vocabularySize;
  const vocab = Object.fromEntries(
    Object.entries(model.vocab).map(([piece, id]) => [
      piece,
      id === unknownId && piece !== model.unk_token ? next++ : id,
    ]),
  );
  return { json: { ...json, model: { ...model, vocab } }, id: unknownId, count: next - vocabularySize };
}
