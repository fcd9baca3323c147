/** The configuration of encoders. */
import * as z from "zod";
import { count, rate, share, whole } from "./values.ts";

/** Keys with a default came later: configurations written before remain valid. */
const frozen = z.union([z.boolean(), whole.min(1)], { error: "true, false or a number of layers" }).default(
  false,
);

/** What all transformers have; names are those of Hugging Face's config.json. */
const transformer = {
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_dropout_prob: share.lt(1),
  attention_probs_dropout_prob: share.lt(1),
  layer_norm_eps: rate,
  hidden_act: z.enum(["gelu", "relu"]),
  /** Standard deviation of the first values of embeddings, and of dense layers that begin "normal". */
  initializer_range: rate,
  dense_initializer: z.enum(["normal", "xavier_normal"]),
  /** What is not learned: all of it, nothing, or the embeddings and so many of the first layers. */
  frozen,
};

/** Where the first weights come from; without it, they are drawn. */
const pretrained = z.strictObject({
  source: z.string(),
  /** Of the hub, where it came from there. */
  commit: z.string().nullable(),
}).optional();

/** Sizes that follow from the data set, unless the encoder is pretrained. */
const text = {
  vocab_size: count.optional(),
  max_position_embeddings: count.optional(),
  type_vocab_size: count.optional(),
  pad_token_id: whole.min(0).optional(),
  pretrained,
};

export const encoderSchema = z.discriminatedUnion("model_type", [
  z.strictObject({
    model_type: z.literal("vit"),
    ...transformer,
    patch_size: count,
    qkv_bias: z.boolean().optional(),
    pretrained,
  }),
  z.strictObject({ model_type: z.literal("bert"), ...transformer, ...text }),
  z.strictObject({ model_type: z.literal("roberta"), ...transformer, ...text }),
  z.strictObject({
    model_type: z.literal("mlp"),
    hidden_size: count,
    num_hidden_layers: count,
    hidden_dropout_prob: share.lt(1),
    frozen,
  }),
]);

export type EncoderConfig = z.infer<typeof encoderSchema>;
