/** The files of a tokenizer as `transformers` loads them. */
import type { TextTokenizer } from "./tokenizer.ts";

interface TokenizerJson {
  readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
}

/** `tokenizer.json`, and what it does not say: which token plays which part, and how long a text may be. */
export function tokenizerFiles(tokenizer: TextTokenizer, maxTokens: number): Record<string, object> {
  const { added_tokens = [] } = tokenizer.json as TokenizerJson;
  const special = (id: number) => added_tokens.find((token) => token.id === id)?.content;
  return {
    "tokenizer.json": tokenizer.json,
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      model_max_length: maxTokens,
      pad_token: special(tokenizer.padId),
      unk_token: special(tokenizer.unknownId),
      cls_token: special(tokenizer.classId),
      sep_token: special(tokenizer.separatorId),
    },
  };
}
