/** RoBERTa (Liu et al., 2019), as Hugging Face's `RobertaModel`. */
import { bertFields, LIKE_BERT, textEncoder } from "./text_transformer.ts";

/** What RoBERTa and XLM-RoBERTa share, checkpoints too. */
export const LIKE_ROBERTA = {
  ...LIKE_BERT,
  countsFromPadding: true,
  // The published code cleans the bodies of N24News for BERT alone.
  readsRawTexts: true,
  prefix: "roberta.",
  ignored: /^(pooler|lm_head|classifier|qa_outputs)\.|^embeddings\.(position_ids|token_type_ids)$/,
} as const;

export const roberta = textEncoder({
  ...LIKE_ROBERTA,
  model_type: "roberta",
  title: "a RoBERTa",
  fields: bertFields(50265, 1),
  exported: { architecture: "RobertaModel", fields: { position_embedding_type: "absolute" } },
});
