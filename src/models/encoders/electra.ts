/** ELECTRA (Clark et al., 2020), as Hugging Face's `ElectraModel`: a BERT whose embeddings may be narrower than its layers. */
import { type ConfigOf, count, optional } from "./fields.ts";
import { poolingField } from "./pooling.ts";
import { bertFields, textEncoder } from "./text_transformer.ts";

const FIELDS = {
  ...bertFields(30522, 0),
  embedding_size: optional(count(128)),
  pooling: poolingField(false),
};

export const electra = textEncoder({
  model_type: "electra",
  title: "an ELECTRA",
  fields: FIELDS,
  read: (config: ConfigOf<typeof FIELDS>) => config,
  readsRawTexts: true,
  prefix: "electra.",
  ignored:
    /^(discriminator_predictions|generator_predictions|generator_lm_head|classifier|qa_outputs|sequence_summary)\.|^embeddings\.(position_ids|token_type_ids)$/,
  // Below the embeddings, as what is frozen with them.
  renames: [["embeddings_project", "embeddings.projection"]],
  exported: { architecture: "ElectraModel", fields: { position_embedding_type: "absolute" } },
});
