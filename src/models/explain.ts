/** Where the answers of a model come from: tokens that encoders attend to, and modalities that say something or not. */
import { AttentionRollout } from "../nn/attention_rollout.ts";
import type { Context } from "../nn/context.ts";
import { expand } from "../ops/arithmetic.ts";
import { concat, reshape } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type DeviceInputs, representedBy } from "./encoders/inputs.ts";
import { type ByModality, mapModalities } from "./losses/pairs.ts";
import type { MultimodalClassifier } from "./multimodal_classifier.ts";

/** The weight of every token in what an encoder makes, by the encoders whose layers attend: f32 [batch, tokens]. */
export function rolloutsOf(
  { encoders }: MultimodalClassifier,
  inputs: ByModality<DeviceInputs>,
  context: Context,
): ByModality<Tensor> {
  const found = Object.entries(encoders).map(([name, encoder]) => {
    const rollout = new AttentionRollout();
    try {
      return [
        name,
        scope(() => {
          encoder.represent(inputs[name]!, { ...context, rollout });
          return rollout.weights();
        }),
      ] as const;
    } finally {
      rollout.dispose();
    }
  });
  return Object.fromEntries(found.flatMap(([name, weights]) => weights ? [[name, weights] as const] : []));
}

/**
 * The fused logits of every coalition of modalities: those in it have their `representations` [batch, width], in place of the
 * others stand `baselines` [width]. Bit i of the number of a coalition says whether the i-th modality is in it: f32
 * [2ⁿ, batch, classes].
 */
export function coalitionLogits(
  model: MultimodalClassifier,
  representations: ByModality<Tensor>,
  baselines: ByModality<Tensor>,
  context: Context,
): Tensor {
  const names = Object.keys(model.encoders);
  const coalitions = Array.from({ length: 2 ** names.length }, (_, coalition) => coalition);
  return scope(() => {
    const inputs = mapModalities(model.encoders, (_, name) => {
      const own = representations[name]!;
      const baseline = expand(reshape(baselines[name]!, [1, -1]), own.shape);
      const isIn = (coalition: number) => coalition & 1 << names.indexOf(name);
      return representedBy(concat(coalitions.map((coalition) => isIn(coalition) ? own : baseline), 0));
    });
    const logits = model.forward(inputs, context).fusedLogits!;
    return reshape(logits, [coalitions.length, -1, logits.shape[1]!]);
  });
}
