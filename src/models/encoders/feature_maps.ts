/** Encoders of images by convolutions: a stem, stages whose maps become smaller and deeper, and the mean of the last map. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import { BatchNorm2d, type BatchNormSettings } from "../../nn/batch_norm.ts";
import { Conv2d } from "../../nn/conv2d.ts";
import type { Initializer } from "../../nn/initializers.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { recompute } from "../../nn/recompute.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { cast } from "../../ops/cast.ts";
import { type ImageNormalisation, patchify } from "../../ops/image.ts";
import { relu } from "../../ops/pointwise.ts";
import { adaptiveAvgPool2d, maxPool2d } from "../../ops/pool.ts";
import { reshape } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Encoder, MapStages } from "./encoder.ts";
import { choice, optional } from "./fields.ts";
import {
  type DeviceInputs,
  type GraphInputs,
  type HostInputs,
  type ImageSpec,
  inputOf,
  uploadImage,
} from "./inputs.ts";

/** The input of such encoders. */
export const IMAGE_INPUT = { image: "image" } as const;

/** The field that says what normalises the maps of a frozen encoder in training; see `BatchNormSettings`. */
export const FROZEN_BATCH_NORM = {
  ...optional(choice(["running", "batch"], "running")),
  isOwn: true,
};

/** How the torchvision library and most others prepare images for such encoders, as a preprocessor_config.json. */
export const IMAGENET_PREPROCESSOR = {
  image_processor_type: "BitImageProcessor",
  do_resize: true,
  size: { shortest_edge: 256 },
  resample: 2, // bilinear
  do_center_crop: true,
  crop_size: { height: 224, width: 224 },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.485, 0.456, 0.406],
  image_std: [0.229, 0.224, 0.225],
};

/** A part of a network that takes a map [batch, height, width, channels] to another. */
export interface MapLayer {
  forward(x: Tensor, context: Context): Tensor;
  /** The same in a graph of ONNX, channels first. */
  toOnnx(x: Value): Value;
}

/** Layers one after the other, up to the next reduction of the map's size. */
export interface Stage extends MapLayer {
  /** The channels of the map that it gives. */
  readonly channels: number;
  /** The height or width of the map that it gives, of that which it gets. */
  side(before: number): number;
}

/** Layers one after the other, which make of a side `side` of it; with `context.recompute`, each keeps only its input for the gradient. */
export function inTurn(
  layers: readonly MapLayer[],
  channels: number,
  side: (before: number) => number,
): Stage {
  return {
    channels,
    side,
    forward: (x, context) =>
      scope(() =>
        layers.reduce(
          (map, layer) =>
            context.recompute
              ? recompute((map, context) => layer.forward(map, context), map, [], context)
              : layer.forward(map, context),
          x,
        )
      ),
    toOnnx: (x) => layers.reduce((map, layer) => layer.toOnnx(map), x),
  };
}

type Pair = readonly [height: number, width: number];

/** A convolution of 7 x 7 with its norm and ReLU, and the largest of 3 x 3, each of which halves the sides. */
export function stem(
  [convolution, norm]: readonly [ModulePath, ModulePath],
  width: number,
  settings: BatchNormSettings,
  initializer: Initializer,
): MapLayer {
  const first = new Conv2d(convolution, 3, width, {
    kernel: 7,
    stride: 2,
    initializer,
  });
  const normed = new BatchNorm2d(norm, width, settings);
  const windows = { stride: 2, padding: 1 };
  return {
    forward: (x, context) =>
      scope(() => maxPool2d(relu(normed.forward(first.forward(x), context)), { kernel: 3, ...windows })),
    toOnnx: (x) => onnx.maxPool(onnx.relu(normed.toOnnx(first.toOnnx(x))), 3, windows),
  };
}

/** The side of the map that a stem gives. */
const stemSide = (before: number) => Math.ceil(Math.ceil(before / 2) / 2);

/**
 * A convolutional encoder; what is between its pixels and its representation can be used piece by piece, by systems that act
 * on maps on the way: `stem`, then each of `stages`, then `finish`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, Gpu, Parameters } from "unis/engine";
 * import { resnet } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const half = [0.5, 0.5, 0.5] as const;
 * const image = { kind: "image", name: "image", height: 32, width: 64, mean: half, std: half } as const;
 * const small = { embedding_size: 4, hidden_sizes: [4, 8, 12, 16], depths: [1, 1, 1, 1], layer_type: "basic" };
 * const parameters = new Parameters();
 * const encoder = resnet.build(parameters.root, resnet.configure(small), { image });
 * parameters.allocate(gpu, 0);
 * const two = { image: { kind: "image", pixels: new Uint8Array(2 * 32 * 64 * 3), height: 32, width: 64 } } as const;
 * const inputs = encoder.upload(gpu, two);
 * assert.deepEqual(encoder.represent(inputs, EVALUATION).shape, [2, 16]);
 * assert.deepEqual(encoder.featureMap(inputs, EVALUATION).shape, [2, 1, 2, 16]);
 * const first = encoder.stages[0]!.forward(encoder.stem(inputs, EVALUATION), EVALUATION);
 * assert.deepEqual(first.shape, [2, 8, 16, 4]);
 * gpu.destroy();
 * ```
 */
export class ConvolutionalEncoder implements Encoder {
  readonly inputs = IMAGE_INPUT;
  readonly stages: readonly Stage[];
  /** Height and width of the map after each stage. */
  readonly sizes: readonly Pair[];
  readonly #normalisation: ImageNormalisation;
  readonly #stem: MapLayer;
  readonly #finish: MapLayer | undefined;

  constructor(
    image: Pick<ImageSpec, "mean" | "std" | "height" | "width">,
    { stem, stages, finish }: { stem: MapLayer; stages: readonly Stage[]; finish?: MapLayer },
  ) {
    this.stages = stages;
    const along = (first: number) => {
      let side = stemSide(first);
      return stages.map((stage) => side = stage.side(side));
    };
    const [heights, widths] = [along(image.height), along(image.width)];
    this.sizes = heights.map((height, i) => [height, widths[i]!]);
    this.#normalisation = image;
    this.#stem = stem;
    this.#finish = finish;
  }

  get hiddenSize(): number {
    return this.stages.at(-1)!.channels;
  }

  get maps(): MapStages {
    return this;
  }

  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    return { image: uploadImage(gpu, inputOf(inputs, "image", "image")) };
  }

  /** The map before the first stage. */
  stem(inputs: DeviceInputs, context: Context): Tensor {
    const { pixels } = inputOf(inputs, "image", "image");
    return scope(() => {
      const rows = patchify(pixels, 1, this.#normalisation, context.precision ?? "f32");
      return this.#stem.forward(reshape(rows, pixels.shape), context);
    });
  }

  /** What follows the last stage: norm and activation, or nothing. */
  finish(x: Tensor, context: Context): Tensor {
    return this.#finish?.forward(x, context) ?? x;
  }

  /** Gives the last map, [batch, height, width, hiddenSize]. */
  featureMap(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => {
      const first = this.stem(inputs, context);
      return this.finish(this.stages.reduce((map, stage) => stage.forward(map, context), first), context);
    });
  }

  /** Gives the last map with its places as tokens, row by row: [batch, height · width, hiddenSize]. */
  lastHiddenState(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => {
      const map = this.featureMap(inputs, context);
      return reshape(map, [map.shape[0]!, -1, this.hiddenSize]);
    });
  }

  /** Gives the mean of the last map over all places. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => {
      const map = this.featureMap(inputs, context);
      return cast(reshape(adaptiveAvgPool2d(map, [1, 1]), [map.shape[0]!, this.hiddenSize]), "f32");
    });
  }

  toOnnx(inputs: GraphInputs): Value {
    const { pixels } = inputOf(inputs, "image", "image");
    const channelsFirst = onnx.transpose(onnx.cast(pixels, pixels.graph.precision), [0, 3, 1, 2]);
    const first = this.#stem.toOnnx(channelsFirst);
    const last = this.stages.reduce((map, stage) => stage.toOnnx(map), first);
    const pooled = onnx.globalAveragePool(this.#finish?.toOnnx(last) ?? last);
    return onnx.cast(onnx.reshape(pooled, [0, this.hiddenSize]), "float32");
  }
}
