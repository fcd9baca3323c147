/** ResNet (He et al., 2015), by torchvision's names; reads and writes those of Hugging Face's `ResNetModel` as well. */
import { UserError } from "../../base/user_error.ts";
import { BatchNorm2d, type BatchNormSettings } from "../../nn/batch_norm.ts";
import type { Context } from "../../nn/context.ts";
import { Conv2d } from "../../nn/conv2d.ts";
import { kaimingNormal } from "../../nn/initializers.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add } from "../../ops/arithmetic.ts";
import { relu } from "../../ops/pointwise.ts";
import { scope } from "../../tensor/scope.ts";
import type { Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineEncoder, type Renames } from "./encoder.ts";
import {
  ConvolutionalEncoder,
  FROZEN_BATCH_NORM,
  IMAGE_INPUT,
  IMAGENET_PREPROCESSOR,
  inTurn,
  type MapLayer,
  stem,
} from "./feature_maps.ts";
import { choice, type ConfigOf, count, counts, derived, flag, optional } from "./fields.ts";

/** Defaults are those of ResNet-50. */
const FIELDS = {
  embedding_size: count(64),
  /** Of each stage: the channels of its map, and its blocks. */
  hidden_sizes: counts([256, 512, 1024, 2048]),
  depths: counts([3, 4, 6, 3]),
  /** "basic" blocks have two convolutions of 3 x 3, "bottleneck" blocks one between two of 1 x 1. */
  layer_type: choice(["basic", "bottleneck"], "bottleneck"),
  hidden_act: optional(choice(["relu"], "relu")),
  downsample_in_first_stage: optional(flag(false)),
  /** Whether a bottleneck's first convolution has the stride, as in the paper, and not its second. */
  downsample_in_bottleneck: optional(flag(false)),
  frozen_batch_norm: FROZEN_BATCH_NORM,
  /** Images are red, green and blue. */
  num_channels: derived(choice([3], 3)),
};

type ResNetConfig = ConfigOf<typeof FIELDS>;

/** A bottleneck has a quarter of the channels between its outer convolutions. */
const REDUCTION = 4;
const initializer = kaimingNormal("out");

/** A convolution and its norm. */
class NormedConvolution implements MapLayer {
  readonly #convolution: Conv2d;
  readonly #norm: BatchNorm2d;

  constructor(
    [convolution, norm]: readonly [ModulePath, ModulePath],
    inputs: number,
    outputs: number,
    { kernel, stride }: { readonly kernel: number; readonly stride: number },
    settings: BatchNormSettings,
  ) {
    this.#convolution = new Conv2d(convolution, inputs, outputs, { kernel, stride, initializer });
    this.#norm = new BatchNorm2d(norm, outputs, settings);
  }

  forward(x: Tensor, context: Context): Tensor {
    return scope(() => this.#norm.forward(this.#convolution.forward(x), context));
  }

  toOnnx(x: Value): Value {
    return this.#norm.toOnnx(this.#convolution.toOnnx(x));
  }
}

/** relu(x + f(x)), f being convolutions with norms, and ReLU between them; x is convolved too where its shape changes. */
class ResidualBlock implements MapLayer {
  readonly #layers: readonly NormedConvolution[];
  readonly #shortcut: NormedConvolution | undefined;

  constructor(path: ModulePath, inputs: number, outputs: number, stride: number, config: ResNetConfig) {
    const settings = { whenFrozen: config.frozen_batch_norm };
    const inner = config.layer_type === "bottleneck" ? outputs / REDUCTION : outputs;
    const [first, second] = config.downsample_in_bottleneck ? [stride, 1] : [1, stride];
    const sizes = config.layer_type === "bottleneck"
      ? [[inner, 1, first], [inner, 3, second], [outputs, 1, 1]] as const
      : [[outputs, 3, stride], [outputs, 3, 1]] as const;
    this.#layers = sizes.map(([width, kernel, stride], i) => {
      const paths = [path.at(`conv${i + 1}`), path.at(`bn${i + 1}`)] as const;
      return new NormedConvolution(paths, i === 0 ? inputs : inner, width, { kernel, stride }, settings);
    });
    const paths = [path.at("downsample.0"), path.at("downsample.1")] as const;
    this.#shortcut = inputs === outputs && stride === 1
      ? undefined
      : new NormedConvolution(paths, inputs, outputs, { kernel: 1, stride }, settings);
  }

  forward(x: Tensor, context: Context): Tensor {
    const last = this.#layers.length - 1;
    return scope(() => {
      const residual = this.#layers.reduce((map, layer, i) => {
        const next = layer.forward(map, context);
        return i === last ? next : relu(next);
      }, x);
      return relu(add(residual, this.#shortcut?.forward(x, context) ?? x));
    });
  }

  toOnnx(x: Value): Value {
    const last = this.#layers.length - 1;
    const residual = this.#layers.reduce((map, layer, i) => {
      const next = layer.toOnnx(map);
      return i === last ? next : onnx.relu(next);
    }, x);
    return onnx.relu(onnx.add(residual, this.#shortcut?.toOnnx(x) ?? x));
  }
}

function stagesOf(path: ModulePath, config: ResNetConfig) {
  const { embedding_size, hidden_sizes, depths, downsample_in_first_stage } = config;
  return hidden_sizes.map((outputs, stage) => {
    const inputs = stage === 0 ? embedding_size : hidden_sizes[stage - 1]!;
    const stride = stage > 0 || downsample_in_first_stage ? 2 : 1;
    const blocks = Array.from({ length: depths[stage]! }, (_, i) => {
      const place = path.at(`layer${stage + 1}.${i}`);
      return new ResidualBlock(place, i === 0 ? inputs : outputs, outputs, i === 0 ? stride : 1, config);
    });
    return inTurn(blocks, outputs, (side) => Math.ceil(side / stride));
  });
}

/** Throws a UserError where the sizes do not go together. */
function mustFit({ hidden_sizes, depths, layer_type }: ResNetConfig): void {
  if (hidden_sizes.length !== depths.length || depths.length > STAGES.length) {
    throw new UserError(
      `Cannot build a ResNet with hidden_sizes [${hidden_sizes.join(", ")}] and depths [${
        depths.join(", ")
      }]: ` +
        `give one of each for every stage, for at most ${STAGES.length}`,
    );
  }
  const odd = hidden_sizes.find((width) => layer_type === "bottleneck" && width % REDUCTION !== 0);
  if (odd === undefined) return;
  throw new UserError(
    `Cannot build a ResNet of bottlenecks with ${odd} in hidden_sizes: use a multiple of ${REDUCTION}`,
  );
}

/** Hugging Face counts stages, and the convolutions of a block, from 0. */
const STAGES = [0, 1, 2, 3];
const RENAMES: Renames = [
  ["embedder.embedder.convolution", "conv1"],
  ["embedder.embedder.normalization", "bn1"],
  ...STAGES.flatMap((stage): Renames => {
    const [theirs, ours] = [`encoder.stages.${stage}.layers.*`, `layer${stage + 1}.*`];
    return [
      [`${theirs}.shortcut.convolution`, `${ours}.downsample.0`],
      [`${theirs}.shortcut.normalization`, `${ours}.downsample.1`],
      ...[0, 1, 2].flatMap((i): Renames => [
        [`${theirs}.layer.${i}.convolution`, `${ours}.conv${i + 1}`],
        [`${theirs}.layer.${i}.normalization`, `${ours}.bn${i + 1}`],
      ]),
    ];
  }),
];

/** The sizes of a ResNet of torchvision's or timm's, by its tensors. */
function recognise(shapes: ReadonlyMap<string, Shape>): object | undefined {
  const outputsOf = (name: string) => shapes.get(`${name}.weight`)?.[0];
  const embedding_size = outputsOf("conv1");
  const isBottleneck = outputsOf("layer1.0.conv3") !== undefined;
  if (embedding_size === undefined || outputsOf("layer1.0.conv1") === undefined) return undefined;
  const hidden_sizes: number[] = [], depths: number[] = [];
  for (const stage of STAGES) {
    const last = `conv${isBottleneck ? 3 : 2}`;
    const width = outputsOf(`layer${stage + 1}.0.${last}`);
    if (width === undefined) break;
    hidden_sizes.push(width);
    let depth = 1;
    while (outputsOf(`layer${stage + 1}.${depth}.${last}`) !== undefined) depth++;
    depths.push(depth);
  }
  return { embedding_size, hidden_sizes, depths, layer_type: isBottleneck ? "bottleneck" : "basic" };
}

/** ResNet as an encoder of images of any size: 18 to 152 layers by `depths` and `layer_type`. */
export const resnet = defineEncoder({
  model_type: "resnet",
  title: "a ResNet",
  inputs: IMAGE_INPUT,
  fields: FIELDS,
  representation: "mean of the last feature map",
  fromData: () => ({}),
  build: (path, config, { image }) => {
    mustFit(config);
    return new ConvolutionalEncoder(image, {
      stem: stem([path.at("conv1"), path.at("bn1")], config.embedding_size, {
        whenFrozen: config.frozen_batch_norm,
      }, initializer),
      stages: stagesOf(path, config),
    });
  },
  checkpoint: {
    prefix: "resnet.",
    ignored: /^(fc|classifier)\./,
    renames: RENAMES,
    counters: /\.num_batches_tracked$/,
    recognise,
    preprocessor: IMAGENET_PREPROCESSOR,
  },
  exported: { architecture: "ResNetModel", pooling: "pooler" },
});
