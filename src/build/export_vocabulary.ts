/** The vocabulary of a run as an exported tokenizer has it. */
import type { TextTokenizer } from "../data/text/tokenizer.ts";
import type { UnknownPieces } from "./hf_export.ts";

/**
 * In the tokenizer of a run, the pieces that no training text had share the id of [UNK], so that the model need not hold
 * them. `tokenizers` reads that, but writes one piece an id, and whoever saved such a tokenizer would lose the others.
 * An export therefore gives each an id of its own after all others, whose embedding is that of [UNK]; what the model
 * computes stays the same. `json` is that of the run's tokenizer.json.
 */
export function separateUnknown(
  json: Readonly<Record<string, unknown>>,
  { unknownId, vocabularySize }: TextTokenizer,
): UnknownPieces & { readonly json: object } {
  const model = json.model as {
    readonly vocab: Readonly<Record<string, number>>;
    readonly unk_token: string;
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
