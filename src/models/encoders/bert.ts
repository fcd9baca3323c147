/** BERT (Devlin et al., 2019), as Hugging Face's `BertModel`. */
import { bertFields, LIKE_BERT, textEncoder } from "./text_transformer.ts";

export const bert = textEncoder({
  ...LIKE_BERT,
  model_type: "bert",
  title: "a BERT",
  fields: bertFields(30522, 0),
  prefix: "bert.",
  ignored: /^(pooler|cls|classifier|qa_outputs)\.|^embeddings\.(position_ids|token_type_ids)$/,
  exported: { architecture: "BertModel", fields: { position_embedding_type: "absolute" } },
});
