/** Steps of a `tokenizer.json` as the reference implementation takes them, where the package takes others. */
import {
  BertNormalizer,
  BertPreTokenizer,
  ByteLevelPreTokenizer,
  LowercaseNormalizer,
  MetaspacePreTokenizer,
  NFCNormalizer,
  NFDNormalizer,
  NFKCNormalizer,
  NFKDNormalizer,
  Normalizer,
  PrecompiledNormalizer,
  type PreTokenizer,
  ReplaceNormalizer,
  SequenceNormalizer,
  SequencePreTokenizer,
  SplitPreTokenizer,
  StripNormalizer,
  WhitespaceSplitPreTokenizer,
} from "@huggingface/tokenizers";
import { CharsMap } from "./precompiled.ts";
import {
  ACCENTS,
  BERT_WORDS,
  BYTE_LEVEL_PIECES,
  CONTROLS,
  exactPattern,
  IDEOGRAPHS,
  UNFORMED_RUNS,
  UNTOUCHED_RUNS,
} from "./reference_unicode.ts";

/** Changes the characters that the reference knows, and leaves those that came later to it: runs of `later`. */
function ofKnown(text: string, later: RegExp, change: (run: string) => string): string {
  return text.split(later).map((run, at) => at % 2 === 1 ? run : change(run)).join("");
}

/** Each character by itself: a final Σ is no special case. */
const lowerCase = (text: string) => text.replaceAll("Σ", "σ").toLowerCase();

class ExactBertNormalizer extends BertNormalizer {
  override normalize(text: string): string {
    return ofKnown(text, UNTOUCHED_RUNS, (run) => this.#normalizeRun(run));
  }

  #normalizeRun(text: string): string {
    const { clean_text, handle_chinese_chars, lowercase, strip_accents } = this.config;
    if (clean_text) text = text.replace(CONTROLS, "").replace(/\p{White_Space}/gu, " ");
    if (handle_chinese_chars) text = text.replace(IDEOGRAPHS, " $& ");
    if (strip_accents ?? lowercase) text = text.normalize("NFD").replace(ACCENTS, "");
    if (lowercase) text = lowerCase(text);
    return text;
  }
}

/** A form of Unicode, to which marks that came later do not combine. */
class ExactForm extends Normalizer {
  readonly #form: Normalizer;

  constructor(form: Normalizer) {
    super(form.config);
    this.#form = form;
  }

  override normalize(text: string): string {
    return ofKnown(text, UNFORMED_RUNS, (run) => this.#form.normalize(run));
  }
}

const FORMS = [NFCNormalizer, NFDNormalizer, NFKCNormalizer, NFKDNormalizer];

class ExactLowercase extends LowercaseNormalizer {
  override normalize(text: string): string {
    return ofKnown(text, UNTOUCHED_RUNS, lowerCase);
  }
}

class ExactStrip extends StripNormalizer {
  override normalize(text: string): string {
    const { strip_left = true, strip_right = true } = this.config;
    if (strip_left) text = text.replace(/^\p{White_Space}+/u, "");
    return strip_right ? text.replace(/\p{White_Space}+$/u, "") : text;
  }
}

class ExactBertPreTokenizer extends BertPreTokenizer {
  override pre_tokenize_text(text: string): string[] {
    return text.match(BERT_WORDS) ?? [];
  }
}

class ExactWhitespaceSplit extends WhitespaceSplitPreTokenizer {
  override pre_tokenize_text(text: string): string[] {
    return text.match(/\P{White_Space}+/gu) ?? [];
  }
}

/** Spaces become "▁", one is put before the first word where the scheme says so, and each begins a word. */
class ExactMetaspace extends MetaspacePreTokenizer {
  readonly #mark: string;
  readonly #splits: boolean;
  readonly #scheme: string;

  constructor({ replacement = "▁", split = true, prepend_scheme, add_prefix_space = true }: MetaspaceConfig) {
    super({ type: "Metaspace", replacement });
    this.#mark = replacement;
    this.#splits = split;
    this.#scheme = prepend_scheme ?? (add_prefix_space ? "always" : "never");
  }

  override pre_tokenize_text(text: string, { section_index = 0 } = {}): string[] {
    const marked = text.replaceAll(" ", this.#mark);
    const isPrepended = this.#scheme === "always" || (this.#scheme === "first" && section_index === 0);
    const whole = isPrepended && !marked.startsWith(this.#mark) ? this.#mark + marked : marked;
    if (!this.#splits) return [whole];
    const words = whole.split(this.#mark);
    return words.map((word, i) => i === 0 ? word : this.#mark + word).filter((word) => word !== "");
  }
}

/** With the field of older files, and those that the package does not know. */
interface MetaspaceConfig {
  readonly replacement?: string;
  readonly prepend_scheme?: "always" | "first" | "never";
  readonly add_prefix_space?: boolean;
  readonly split?: boolean;
}

type Config = Readonly<Record<string, unknown>> | null | undefined;

/** The steps of a sequence with the configuration of each. */
function each<T>(steps: readonly T[], configs: unknown, exact: (step: T, config: Config) => T): T[] {
  return steps.map((step, i) => exact(step, (configs as Config[] | undefined)?.[i]));
}

/** The same normaliser, but exact; `config` is what a `tokenizer.json` says of it. Throws RangeError for one that is damaged. */
export function exactNormalizer(given: Normalizer | null, config: Config): Normalizer | null {
  if (given instanceof BertNormalizer) return new ExactBertNormalizer(given.config);
  if (given && FORMS.some((form) => given instanceof form)) return new ExactForm(given);
  if (given instanceof LowercaseNormalizer) return new ExactLowercase(given.config);
  if (given instanceof StripNormalizer) return new ExactStrip(given.config);
  if (given instanceof PrecompiledNormalizer) return new CharsMap(config ?? {});
  if (given instanceof ReplaceNormalizer) given.pattern = exactPattern(config) ?? given.pattern;
  if (given instanceof SequenceNormalizer) {
    given.normalizers = each(given.normalizers, config?.normalizers, exactNormalizer);
  }
  return given;
}

/** The same pre-tokenizer, but exact. */
export function exactPreTokenizer(given: PreTokenizer | null, config: Config): PreTokenizer | null {
  if (given instanceof BertPreTokenizer) return new ExactBertPreTokenizer();
  if (given instanceof WhitespaceSplitPreTokenizer) return new ExactWhitespaceSplit();
  if (given instanceof MetaspacePreTokenizer) return new ExactMetaspace(config as MetaspaceConfig);
  if (given instanceof ByteLevelPreTokenizer) given.pattern = BYTE_LEVEL_PIECES;
  if (given instanceof SplitPreTokenizer) given.pattern = exactPattern(config) ?? given.pattern;
  if (given instanceof SequencePreTokenizer) {
    given.tokenizers = each(given.tokenizers, config?.pretokenizers, exactPreTokenizer);
  }
  return given;
}
