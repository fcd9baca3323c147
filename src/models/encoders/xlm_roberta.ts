/** XLM-RoBERTa (Conneau et al., 2020), as Hugging Face's `XLMRobertaModel`: a RoBERTa of a hundred languages. */
import { LIKE_ROBERTA } from "./roberta.ts";
import { bertFields, textEncoder } from "./text_transformer.ts";

export const xlmRoberta = textEncoder({
  ...LIKE_ROBERTA,
  model_type: "xlm-roberta",
  title: "an XLM-RoBERTa",
  fields: bertFields(250002, 1),
  exported: { architecture: "XLMRobertaModel", fields: { position_embedding_type: "absolute" } },
});
