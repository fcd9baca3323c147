/** What the towers of CLIP and SigLIP share: the names of fields, and of tensors within a layer. */
import type { TransformerConfig } from "../../nn/transformer_config.ts";
import { ACTIVATION_NAMES, type ActivationName } from "../../ops/activations.ts";
import type { PoolingName, Renames } from "./encoder.ts";
import { choice, count, type Field, optional, positive, probability, transformerFields } from "./fields.ts";

const { hidden_dropout_prob: _, attention_probs_dropout_prob: __, ...fields } = transformerFields(0);

/** The fields of a tower, with these defaults. Only attention has dropout. */
export function towerFields(activation: ActivationName, epsilon: number) {
  return {
    ...fields,
    hidden_act: choice(ACTIVATION_NAMES, activation),
    attention_dropout: probability(0),
    layer_norm_eps: positive(epsilon),
  };
}

/** The fields of CLIP's towers: the width of what images and texts are compared by, and whether that is wanted. */
export const PROJECTION_FIELDS = {
  projection_dim: optional(count(512)),
  pooling: {
    ...optional(choice(["pooler", "projection"], "pooler")),
    isOwn: true,
  } satisfies Field<PoolingName>,
};

type TowerConfig = Omit<TransformerConfig, "hidden_dropout_prob" | "attention_probs_dropout_prob"> & {
  readonly attention_dropout: number;
};

/** A tower's configuration by the names that layers are built by. */
export function readTower<C extends TowerConfig>(config: C): C & TransformerConfig {
  const { attention_dropout: attention_probs_dropout_prob } = config;
  return { ...config, hidden_dropout_prob: 0, attention_probs_dropout_prob };
}

/** What the tensors of the layers of a tower are called, `tower` being its own name. */
export function renamesOfLayers(tower: string): Renames {
  const layer = `${tower}.encoder.layers.*`;
  return [
    [`${layer}.self_attn.q_proj`, "encoder.layer.*.attention.attention.query"],
    [`${layer}.self_attn.k_proj`, "encoder.layer.*.attention.attention.key"],
    [`${layer}.self_attn.v_proj`, "encoder.layer.*.attention.attention.value"],
    [`${layer}.self_attn.out_proj`, "encoder.layer.*.attention.output.dense"],
    [`${layer}.layer_norm1`, "encoder.layer.*.layernorm_before"],
    [`${layer}.layer_norm2`, "encoder.layer.*.layernorm_after"],
    [`${layer}.mlp.fc1`, "encoder.layer.*.intermediate.dense"],
    [`${layer}.mlp.fc2`, "encoder.layer.*.output.dense"],
  ];
}
