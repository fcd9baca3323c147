/** What transformers are built by. */
import type { ActivationName } from "../ops/activations.ts";
import { type Initializer, normal, xavierNormal } from "./initializers.ts";

/** The fields of Hugging Face's `config.json` that a transformer is built by. */
export type TransformerConfig = {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly hidden_act: ActivationName;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
  readonly layer_norm_eps: number;
  /** Standard deviation of the initial values of weights. */
  readonly initializer_range: number;
  /** Not a field of Hugging Face's: the initial weights of dense layers. From scratch, `xavier_normal` learns faster. */
  readonly dense_initializer: "normal" | "xavier_normal";
};

/** Initial values of the weights of dense layers. */
export function denseInitializer(
  { dense_initializer, initializer_range }: Pick<
    TransformerConfig,
    "dense_initializer" | "initializer_range"
  >,
): Initializer {
  return dense_initializer === "normal" ? normal(initializer_range) : xavierNormal;
}
