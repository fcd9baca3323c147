/** Finds the tokens in a text that were added to a vocabulary: they are taken whole, before anything else is split. */

/** A token beside the vocabulary of the model, with the fields of a `tokenizer.json`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Whether it stands for a part of the model's input ([CLS]) rather than for a text. */
  readonly special: boolean;
  /** Whether it is looked for in the normalised text, normalised itself, rather than in the text as given. */
  readonly normalized: boolean;
  /** Whether it counts only where no letter, digit or mark stands beside it. */
  readonly single_word: boolean;
  /** Whether it takes in the white space before it, and after it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** Flags as an added token has them where its file does not say. */
export function addedToken(
  { id, content, special = false, ...flags }: Pick<AddedToken, "id" | "content"> & Partial<AddedToken>,
): AddedToken {
  return {
    id,
    content,
    special,
    normalized: !special,
    single_word: false,
    lstrip: false,
    rstrip: false,
    ...flags,
  };
}

type Normalize = (text: string) => string;

/** A word character of the reference's regular expressions. */
const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const WORD_BEFORE = new RegExp(`${WORD}$`, "v"); // with "u", V8 15.0 finds no character beyond U+FFFF before "$"
const WORD_AFTER = new RegExp(`^${WORD}`, "u");
const SPACE_BEFORE = /\p{White_Space}*$/u;
const SPACE_AFTER = /^\p{White_Space}*/u;

/** Splits texts at added tokens as the reference does (`AddedVocabulary` of the Rust library `tokenizers`). */
export class AddedTokens {
  readonly #normalize: Normalize;
  readonly #asGiven: Finder;
  readonly #normalized: Finder;

  constructor(tokens: readonly AddedToken[], normalize: Normalize) {
    this.#normalize = normalize;
    this.#asGiven = new Finder(tokens.filter(({ normalized }) => !normalized), (text) => text);
    this.#normalized = new Finder(tokens.filter(({ normalized }) => normalized), normalize);
  }

  /** The added tokens of a text, and the normalised stretches of text around them. */
  split(text: string): (AddedToken | string)[] {
    return this.#asGiven.split(text).flatMap((part) =>
      typeof part === "string" ? this.#normalized.split(this.#normalize(part)) : [part]
    );
  }
}

/** Finds some tokens: of those that begin at one place the longest, from left to right. */
class Finder {
  readonly #tokens: ReadonlyMap<string, AddedToken>;
  readonly #pattern: RegExp | undefined;

  constructor(tokens: readonly AddedToken[], normalize: Normalize) {
    const named = tokens.map((token) => [normalize(token.content), token] as const);
    this.#tokens = new Map(named.filter(([content]) => content !== ""));
    const longestFirst = [...this.#tokens.keys()].sort((a, b) => b.length - a.length).map(escaped);
    this.#pattern = longestFirst.length === 0 ? undefined : new RegExp(longestFirst.join("|"), "gu");
  }

  split(text: string): (AddedToken | string)[] {
    if (this.#pattern === undefined) return text === "" ? [] : [text];
    const parts: (AddedToken | string)[] = [];
    let done = 0;
    for (const { 0: content, index } of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(content)!;
      const before = text.slice(0, index), after = text.slice(index + content.length);
      if (token.single_word && (WORD_BEFORE.test(before.slice(-2)) || WORD_AFTER.test(after))) continue;
      const spaceBefore = token.lstrip ? SPACE_BEFORE.exec(before)![0].length : 0;
      const spaceAfter = token.rstrip ? SPACE_AFTER.exec(after)![0].length : 0;
      const start = index - spaceBefore; // which may be within what the token before has taken in
      if (start > done) parts.push(text.slice(done, start));
      parts.push(token);
      done = index + content.length + spaceAfter;
    }
    if (done < text.length) parts.push(text.slice(done));
    return parts;
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&");
}
