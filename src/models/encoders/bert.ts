/** BERT (Devlin et al., 2019), as Hugging Face's `BertModel` without pooler. */
import { textEncoder } from "./text_transformer.ts";

export const bert = textEncoder({
  model_type: "bert",
  title: "a BERT",
  vocabulary: 30522,
  padding: 0,
  countsFromPadding: false,
  prefix: "bert.",
  ignored: /^(pooler|cls|classifier|qa_outputs)\.|^embeddings\.(position_ids|token_type_ids)$/,
  exported: { architecture: "BertModel", fields: { position_embedding_type: "absolute" } },
});
