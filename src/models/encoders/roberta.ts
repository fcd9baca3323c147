/** RoBERTa (Liu et al., 2019), as Hugging Face's `RobertaModel` without pooler. */
import { textEncoder } from "./text_transformer.ts";

export const roberta = textEncoder({
  model_type: "roberta",
  title: "a RoBERTa",
  vocabulary: 50265,
  padding: 1,
  countsFromPadding: true,
  // The published code cleans the bodies of N24News for BERT alone.
  readsRawTexts: true,
  prefix: "roberta.",
  ignored: /^(pooler|lm_head|classifier|qa_outputs)\.|^embeddings\.(position_ids|token_type_ids)$/,
  exported: { architecture: "RobertaModel", fields: { position_embedding_type: "absolute" } },
});
