/** The normaliser that SentencePiece compiles into its models: a map from short texts to what they become. */
import { PrecompiledNormalizer } from "@huggingface/tokenizers";

/** Texts of more bytes in UTF-8 than this are looked up character by character. */
const LONGEST_CLUSTER = 5;

/** Where one of these is, several characters may be one cluster of at most five bytes; elsewhere none are. */
const JOINING = /[\p{M}\p{Cf}\p{Emoji_Modifier}\r\u0E33\u0EB3\u0D4E\uFF9E\uFF9F]/u;

const clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Normalises as the reference does with the same map (`precompiled_charsmap`, base64): the length of a trie of double arrays
 * (Darts, 32-bit units), the trie over the bytes of UTF-8, and what its values point into, texts that end in a zero. As
 * there, the map is asked for clusters of up to five bytes, and what it has for the shortest beginning of one stands for all
 * of it. Throws RangeError for a map that is cut short.
 */
export class CharsMap extends PrecompiledNormalizer {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #known = new Map<string, string | undefined>();

  constructor(config: { readonly precompiled_charsmap?: string | null }) {
    super({ type: "Precompiled", precompiled_charsmap: "" });
    const bytes = Uint8Array.fromBase64(config.precompiled_charsmap ?? "");
    const view = new DataView(bytes.buffer);
    const trie = bytes.length < 4 ? 0 : view.getUint32(0, true);
    if (bytes.length > 0 && (trie % 4 !== 0 || 4 + trie > bytes.length)) {
      throw new RangeError("precompiled_charsmap is cut short");
    }
    this.#units = Uint32Array.from({ length: trie / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#texts = bytes.subarray(4 + trie);
  }

  override normalize(text: string): string {
    if (this.#units.length === 0) return text;
    if (!JOINING.test(text)) return this.#eachCharacter(text);
    let normalised = "";
    for (const { segment } of clusters.segment(text)) {
      normalised += this.#lookUp(segment) ?? this.#eachCharacter(segment);
    }
    return normalised;
  }

  #eachCharacter(text: string): string {
    let normalised = "";
    for (const character of text) normalised += this.#lookUp(character) ?? character;
    return normalised;
  }

  #lookUp(cluster: string): string | undefined {
    if (this.#known.has(cluster)) return this.#known.get(cluster);
    const bytes = encoder.encode(cluster);
    if (bytes.length > LONGEST_CLUSTER) return undefined;
    const found = this.#find(bytes);
    this.#known.set(cluster, found);
    return found;
  }

  /** The text of the shortest beginning of `key` that the trie has. */
  #find(key: Uint8Array): string | undefined {
    const units = this.#units;
    const offset = (unit: number) => (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
    let at = offset(units[0]!);
    for (const byte of key) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = units[at] ?? 0;
      if ((unit & 0x800000ff) >>> 0 !== byte) return undefined; // its label, which of a leaf is none
      at ^= offset(unit);
      if ((unit & (1 << 8)) === 0) continue;
      const start = (units[at] ?? 0) & 0x7fffffff;
      return decoder.decode(this.#texts.subarray(start, this.#texts.indexOf(0, start)));
    }
    return undefined;
  }
}
