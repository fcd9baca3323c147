/** The unigram language model of SentencePiece (Kudo, 2018): of all ways to cut a word into pieces, the likeliest. */
import { Model } from "@huggingface/tokenizers";

/** As in a `tokenizer.json`: pieces with the logarithms of their probabilities, and the place of the unknown one. */
export interface UnigramConfig {
  readonly vocab: readonly (readonly [piece: string, score: number])[];
  readonly unk_id: number;
}

/** An unknown character is so much less likely than the least likely piece. */
const UNKNOWN_PENALTY = 10;

/** The best way to cut a word up to some place. */
interface Path {
  readonly score: number;
  /** Where its last piece begins, and whether that is unknown. */
  readonly start: number;
  readonly isUnknown: boolean;
}

/**
 * Cuts words as the reference does, in one pass from left to right: of ways that are as likely, the one whose last piece
 * begins first. Neighbouring characters that are unknown become one piece.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { UnigramModel } from "./unigram.ts";
 *
 * const vocab = [["<unk>", 0], ["▁", -3], ["▁red", -2], ["r", -4], ["ed", -3], ["s", -2]] as const;
 * const model = new UnigramModel({ vocab, unk_id: 0 });
 * assert.deepEqual(model.encode(["▁reds", "▁xyed"]), ["▁red", "s", "▁", "xy", "ed"]);
 * ```
 */
export class UnigramModel extends Model {
  readonly #scores: readonly number[];
  readonly #unknownScore: number;
  /** The most characters of a piece. */
  readonly #longest: number;

  constructor({ vocab, unk_id }: UnigramConfig) {
    super({ type: "Unigram", vocab: [], unk_id });
    let [least, longest] = [Infinity, 0];
    for (const [id, [piece, score]] of vocab.entries()) {
      this.tokens_to_ids.set(piece, id);
      this.vocab.push(piece);
      least = Math.min(least, score);
      longest = Math.max(longest, piece.length);
    }
    this.unk_token_id = unk_id;
    this.unk_token = vocab[unk_id]![0];
    this.#scores = vocab.map(([, score]) => score);
    this.#unknownScore = least - UNKNOWN_PENALTY;
    this.#longest = longest;
  }

  override encode(words: string[]): string[] {
    return words.flatMap((word) => this.#cut(word));
  }

  #cut(word: string): string[] {
    const characters = Array.from(word);
    const count = characters.length;
    const best: (Path | undefined)[] = [{ score: 0, start: 0, isUnknown: false }];
    for (let start = 0; start < count; start++) {
      const { score: before } = best[start]!;
      const offer = (end: number, score: number, isUnknown: boolean) => {
        const known = best[end];
        if (known === undefined || score > known.score) best[end] = { score, start, isUnknown };
      };
      let piece = "";
      for (let end = start + 1; end <= count && end - start <= this.#longest; end++) {
        piece += characters[end - 1];
        const id = this.tokens_to_ids.get(piece);
        if (id !== undefined) offer(end, before + this.#scores[id]!, id === this.unk_token_id);
        else if (end === start + 1) offer(end, before + this.#unknownScore, true);
      }
    }
    const pieces: string[] = [];
    let isAfterUnknown = false;
    for (let end = count; end > 0;) {
      const { start, isUnknown } = best[end]!;
      const piece = characters.slice(start, end).join("");
      if (isUnknown && isAfterUnknown) pieces[pieces.length - 1] = piece + pieces.at(-1)!;
      else pieces.push(piece);
      isAfterUnknown = isUnknown;
      end = start;
    }
    return pieces.reverse();
  }
}
