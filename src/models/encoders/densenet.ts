/** DenseNet (Huang et al., 2016), by torchvision's names, which timm shares; Hugging Face's library has no such model. */
import { UserError } from "../../base/user_error.ts";
import { BatchNorm2d, type BatchNormSettings } from "../../nn/batch_norm.ts";
import { type Context, drop } from "../../nn/context.ts";
import { Conv2d } from "../../nn/conv2d.ts";
import { kaimingNormal } from "../../nn/initializers.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { relu } from "../../ops/pointwise.ts";
import { avgPool2d } from "../../ops/pool.ts";
import { concat } from "../../ops/shape.ts";
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
  type Stage,
  stem,
} from "./feature_maps.ts";
import { type ConfigOf, count, counts, optional, probability } from "./fields.ts";
import type { ImageSpec } from "./inputs.ts";

/** Defaults are those of DenseNet-121. */
const FIELDS = {
  /** The channels that each layer adds to those before it. */
  growth_rate: count(32),
  /** The layers of each dense block. */
  block_config: counts([6, 12, 24, 16]),
  num_init_features: count(64),
  /** The channels between the two convolutions of a layer, in growth rates. */
  bn_size: optional(count(4)),
  drop_rate: optional(probability(0)),
  frozen_batch_norm: FROZEN_BATCH_NORM,
};

type DenseNetConfig = ConfigOf<typeof FIELDS>;

const initializer = kaimingNormal("in");
const POOL = { stride: 2, padding: 0 };

/** conv(relu(norm(x))). */
class ActivatedConvolution implements MapLayer {
  readonly #norm: BatchNorm2d;
  readonly #convolution: Conv2d;

  constructor(
    [norm, convolution]: readonly [ModulePath, ModulePath],
    inputs: number,
    outputs: number,
    kernel: number,
    settings: BatchNormSettings,
  ) {
    this.#norm = new BatchNorm2d(norm, inputs, settings);
    this.#convolution = new Conv2d(convolution, inputs, outputs, { kernel, initializer });
  }

  forward(x: Tensor, context: Context): Tensor {
    return scope(() => this.#convolution.forward(relu(this.#norm.forward(x, context))));
  }

  toOnnx(x: Value): Value {
    return this.#convolution.toOnnx(onnx.relu(this.#norm.toOnnx(x)));
  }
}

/** x, and after its channels those that two convolutions make of it. */
function denseLayer(path: ModulePath, inputs: number, config: DenseNetConfig): MapLayer {
  const { growth_rate, bn_size, drop_rate, frozen_batch_norm } = config;
  const settings = { whenFrozen: frozen_batch_norm };
  const paths = (i: number) => [path.at(`norm${i}`), path.at(`conv${i}`)] as const;
  const inner = bn_size * growth_rate;
  const first = new ActivatedConvolution(paths(1), inputs, inner, 1, settings);
  const second = new ActivatedConvolution(paths(2), inner, growth_rate, 3, settings);
  return {
    forward: (x, context) =>
      scope(() => {
        const grown = second.forward(first.forward(x, context), context);
        return concat([x, drop(grown, drop_rate, context)], 3);
      }),
    toOnnx: (x) => onnx.concat([x, second.toOnnx(first.toOnnx(x))], 1),
  };
}

/** Half the channels, of half the sides. */
function transition(path: ModulePath, inputs: number, settings: BatchNormSettings): MapLayer {
  const paths = [path.at("norm"), path.at("conv")] as const;
  const halved = new ActivatedConvolution(paths, inputs, Math.floor(inputs / 2), 1, settings);
  return {
    forward: (x, context) => scope(() => avgPool2d(halved.forward(x, context), { kernel: 2, ...POOL })),
    toOnnx: (x) => onnx.averagePool(halved.toOnnx(x), 2, POOL),
  };
}

/** Each dense block, with the transition after it; there is none after the last. */
function stagesOf(path: ModulePath, config: DenseNetConfig): Stage[] {
  const { growth_rate, block_config, num_init_features } = config;
  const settings = { whenFrozen: config.frozen_batch_norm };
  let channels = num_init_features;
  return block_config.map((depth, block) => {
    const place = path.at(`denseblock${block + 1}`);
    const layers: MapLayer[] = [];
    for (let i = 1; i <= depth; i++) {
      layers.push(denseLayer(place.at(`denselayer${i}`), channels, config));
      channels += growth_rate;
    }
    const isLast = block === block_config.length - 1;
    if (!isLast) {
      layers.push(transition(path.at(`transition${block + 1}`), channels, settings));
      channels = Math.floor(channels / 2);
    }
    return inTurn(layers, channels, (side) => isLast ? side : Math.floor(side / 2));
  });
}

/** Throws a UserError for images of which nothing is left after stem and transitions, each of which halves the sides. */
function mustFit({ block_config }: DenseNetConfig, { height, width }: ImageSpec): void {
  const least = 4 * 2 ** (block_config.length - 1) - 3; // the stem rounds up
  if (Math.min(height, width) >= least) return;
  throw new UserError(
    `Cannot encode images of ${height} x ${width} by a DenseNet of ${block_config.length} blocks: ` +
      `set "data.image_size" to at least ${least}, or use fewer blocks`,
  );
}

function build(path: ModulePath, config: DenseNetConfig) {
  const features = path.at("features");
  const settings = { whenFrozen: config.frozen_batch_norm };
  const first = stem(
    [features.at("conv0"), features.at("norm0")],
    config.num_init_features,
    settings,
    initializer,
  );
  const stages = stagesOf(features, config);
  const norm = new BatchNorm2d(features.at("norm5"), stages.at(-1)!.channels, settings);
  const finish: MapLayer = {
    forward: (x, context) => scope(() => relu(norm.forward(x, context))),
    toOnnx: (x) => onnx.relu(norm.toOnnx(x)),
  };
  return { stem: first, stages, finish };
}

/** The names of today, which exports have, and those in torchvision's files of before 2018. */
const RENAMES: Renames = ["norm1", "conv1", "norm2", "conv2"].flatMap((part): Renames => {
  const ours = `features.denseblock*.denselayer*.${part}`;
  return [[ours, ours], [ours.replace(/(?=\d$)/, "."), ours]];
});

/** The sizes of a DenseNet of torchvision's or timm's, by its tensors. */
function recognise(shapes: ReadonlyMap<string, Shape>): object | undefined {
  const outputsOf = (name: string) => shapes.get(`features.${name}.weight`)?.[0];
  const num_init_features = outputsOf("conv0");
  const growth_rate = outputsOf("denseblock1.denselayer1.conv2");
  const inner = outputsOf("denseblock1.denselayer1.conv1");
  if (num_init_features === undefined || growth_rate === undefined || inner === undefined) return undefined;
  const depthOf = (block: number, depth = 0): number =>
    outputsOf(`denseblock${block}.denselayer${depth + 1}.conv2`) === undefined
      ? depth
      : depthOf(block, depth + 1);
  const block_config: number[] = [];
  for (let block = 1; depthOf(block) > 0; block++) block_config.push(depthOf(block));
  return { growth_rate, block_config, num_init_features, bn_size: inner / growth_rate };
}

/** DenseNet as an encoder of images of any size: 121 layers and others by `block_config` and `growth_rate`. */
export const densenet = defineEncoder({
  model_type: "densenet",
  title: "a DenseNet",
  inputs: IMAGE_INPUT,
  fields: FIELDS,
  representation: "mean of the last feature map, normalised and rectified",
  fromData: () => ({}),
  build: (path, config, { image }) => {
    mustFit(config, image);
    return new ConvolutionalEncoder(image, build(path, config));
  },
  checkpoint: {
    prefix: "",
    ignored: /^classifier\./,
    renames: RENAMES,
    counters: /\.num_batches_tracked$/,
    recognise,
    preprocessor: IMAGENET_PREPROCESSOR,
  },
});
