/** Makes the files of a tokenizer as `transformers` loads them. */
import type { TextTokenizer } from "./tokenizer.ts";

/** `tokenizer.json`, and what it does not say: which token plays which part, and how long a text may be. */
export function tokenizerFiles({ json, special }: TextTokenizer, maxTokens: number): Record<string, object> {
  return {
    "tokenizer.json": json,
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      model_max_length: maxTokens,
      pad_token: special.pad,
      unk_token: special.unknown,
      cls_token: special.class,
      sep_token: special.separator,
      ...(special.mask !== undefined && { mask_token: special.mask }),
    },
  };
}
