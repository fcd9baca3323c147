/** The training step that the benchmarks time: UniS-MMC on a ViT and a BERT, AdamW; of the engine alone. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { full } from "../../src/ops/fill.ts";
import { Adam } from "../../src/optim/adam.ts";
import { LossScale } from "../../src/optim/loss_scale.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

export interface StepSize {
  readonly microBatch: number;
  readonly imageSize: number;
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly vocabulary: number;
}

/** ViT-base/16 at 224 pixels and BERT-base at 128 tokens. */
export const BASE: StepSize = {
  microBatch: 32,
  imageSize: 224,
  tokens: 128,
  width: 768,
  heads: 12,
  layers: 12,
  vocabulary: 30522,
};
/** As many kernels, each of them short. */
export const NARROW: StepSize = {
  ...BASE,
  microBatch: 2,
  width: 192, // a multiple of 64, as those of the large models: JoinedParameters
  vocabulary: 1000,
  imageSize: 64,
  tokens: 16,
};
/** For trying things out. */
export const SMALL: StepSize = { ...NARROW, layers: 2 };

const CLASSES = 101;

export interface UnisStep {
  readonly parameters: number;
  /** Forward, backward and the move of the parameters; encoded, not waited for. */
  run(): void;
  /** The loss of the last step; waits for the device. */
  loss(): Promise<number>;
  dispose(): void;
}

/** A model with first weights, zero where they are not drawn, and one batch of noise that every step sees. */
export function unisStep(
  gpu: Gpu,
  size: StepSize,
  precision: "f32" | "f16" = "f32",
  isDrawn = true,
): UnisStep {
  const { microBatch, imageSize, tokens, width, heads, layers, vocabulary } = size;
  const shape = {
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: 4 * width,
  };
  const text = bert.configure({
    ...shape,
    vocab_size: vocabulary,
    max_position_embeddings: 512,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
  });
  const grey = [0.5, 0.5, 0.5] as const;
  const image = {
    kind: "image",
    name: "image",
    height: imageSize,
    width: imageSize,
    mean: grey,
    std: grey,
  } as const;
  const texts = { kind: "text", name: "text", vocabularySize: vocabulary, maxTokens: 512, padId: 0 } as const;
  const parameters = new Parameters();
  const model = new MultimodalClassifier(parameters.root, {
    image: (path) => vit.build(path, vit.configure({ ...shape, image_size: imageSize }), { image }),
    text: (path) => bert.build(path, text, { text: texts }),
  }, { method: "unis-mmc", classifier: { classes: CLASSES } });
  parameters.allocate(gpu, 0, () => !isDrawn, precision === "f16");
  const optimizer = new Adam(parameters, {
    groups: { all: { learningRate: 2e-5, weightDecay: 1e-4 } },
    groupOf: () => "all",
    decoupled: true,
  });
  const lossScale = precision === "f16" ? new LossScale(gpu) : undefined;
  const noise = (length: number, below: number) =>
    Uint32Array.from({ length }, (_, i) => Math.imul(i + 1, 2654435761) >>> 8).map((word) => word % below);
  const batch = {
    image: {
      kind: "image",
      pixels: Uint8Array.from(noise(microBatch * imageSize ** 2 * 3, 256)),
      height: imageSize,
      width: imageSize,
    },
    text: {
      kind: "text",
      ids: noise(microBatch * tokens, vocabulary),
      mask: new Uint32Array(microBatch * tokens).fill(1),
      tokens,
    },
  } as const;
  const labels = noise(microBatch, CLASSES);
  let last: Tensor | undefined;
  let steps = 0;
  const run = () => {
    scope(() => {
      const context = { keys: new RandomKeys(0, steps++), precision };
      const outputs = model.forward(model.upload(gpu, batch), context);
      const { objective, total } = model.losses(outputs, Tensor.from(gpu, labels, [microBatch]));
      last?.dispose();
      last = total.retain();
      backward(objective, lossScale ? lossScale.seed(1) : full(gpu, [], 1));
    });
    optimizer.step(lossScale && { lossScale });
    parameters.zeroGrad();
    gpu.flush();
  };
  return {
    parameters: parameters.count,
    run,
    loss: async () => (await last!.read())[0]!,
    dispose() {
      last?.dispose();
      lossScale?.dispose();
      optimizer.dispose();
      parameters.dispose();
    },
  };
}
