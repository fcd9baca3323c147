/** Where the answers of a model come from: tokens that encoders attend to, and modalities that say something or not. */
import { AttentionRollout } from "../nn/attention_rollout.ts";
import type { Context } from "../nn/context.ts";
import { expand } from "../ops/arithmetic.ts";
import { concat, reshape } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type DeviceInputs, representedBy } from "./encoders/inputs.ts";
import { presenceIn, presenceOf, withPresence } from "./encoders/optional.ts";
import { type ByModality, mapModalities } from "./losses/pairs.ts";
import type { MultimodalClassifier } from "./multimodal_classifier.ts";

/**
 * The weight of every token in what an encoder makes, by the encoders whose layers attend: f32 [samples, tokens], of the samples
 * that have its modality.
 */
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

/** A batch on the device: what encoders read, and the representations [batch, width] that they made of it. */
export type Represented = {
  readonly inputs: ByModality<DeviceInputs>;
  readonly representations: ByModality<Tensor>;
};

/**
 * The fused logits of every coalition of modalities: those in it have their representations, in place of the others stand
 * `means` [width], or what stands for a missing modality, in a model that knows such. Bit i of the number of a coalition says
 * whether the i-th modality is in it: f32 [2ⁿ, batch, classes].
 */
export function coalitionLogits(
  model: MultimodalClassifier,
  { inputs, representations }: Represented,
  means: ByModality<Tensor>,
  context: Context,
): Tensor {
  const names = Object.keys(model.encoders);
  const coalitions = Array.from({ length: 2 ** names.length }, (_, coalition) => coalition);
  const mayLack = model.config.missing !== undefined;
  return scope(() => {
    const { gpu, shape: [batch] } = representations[names[0]!]!;
    const nothing = () => withPresence({}, presenceOf(gpu, Uint32Array.of(0)));
    const baselines = mayLack
      ? model.forward(mapModalities(model.encoders, nothing), context).representations
      : means;
    const stacked = mapModalities(model.encoders, (_, name) => {
      const own = representations[name]!;
      const baseline = expand(reshape(baselines[name]!, [1, -1]), own.shape);
      const isIn = (coalition: number) => coalition & 1 << names.indexOf(name);
      const all = representedBy(concat(coalitions.map((one) => isIn(one) ? own : baseline), 0));
      if (!mayLack) return all;
      const has = presenceIn(inputs[name]!)?.present ?? Array<number>(batch!).fill(1);
      const present = coalitions.flatMap((one) => has.map((is) => isIn(one) ? is : 0));
      return withPresence(all, presenceOf(gpu, Uint32Array.from(present)));
    });
    const logits = model.forward(stacked, context).fusedLogits!;
    return reshape(logits, [coalitions.length, -1, logits.shape[1]!]);
  });
}
