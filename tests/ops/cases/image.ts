import { normaliseImages, patchify } from "../../../src/ops/image.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { product, Value } from "../oracle.ts";
import { type Case, withHalves } from "../table.ts";

const images: readonly (readonly [batch: number, height: number, width: number])[] = [
  [1, 1, 1],
  [2, 3, 5],
  [3, 8, 8],
];

const mean = [0.485, 0.456, 0.406] as const;
const std = [0.229, 0.224, 0.5] as const;

const patches: readonly { shape: readonly [number, number, number, number]; patch: number }[] = [
  { shape: [1, 1, 1, 1], patch: 1 },
  { shape: [2, 3, 6, 9], patch: 3 },
  { shape: [1, 3, 4, 6], patch: 1 },
  { shape: [2, 3, 5, 5], patch: 5 },
  { shape: [2, 3, 16, 24], patch: 8 }, // four elements at a time
  { shape: [3, 2, 4, 8], patch: 2 },
];

const normalised = (x: Value) =>
  x.permute(0, 3, 1, 2).affine(1 / 255).sub(Value.of([3, 1, 1], mean)).div(Value.of([3, 1, 1], std));

const BYTES = Uint8Array.from({ length: 90 }, (_, i) => 255 - i * 37 % 256);

export const imageCases: readonly Case[] = [
  ...images.map(([batch, height, width]): Case => {
    const shape = [batch, height, width, 3];
    const bytes = Uint8Array.from({ length: product(shape) }, (_, i) => 255 - i * 37 % 256);
    return {
      name: `normaliseImages [${shape}]`,
      inputs: [{ shape, values: bytes }],
      op: (x) => normaliseImages(Tensor.from(x.gpu, bytes, shape), mean, std),
      oracle: normalised,
      forwardOnly: true,
    };
  }),
  {
    name: "normaliseImages to f16",
    inputs: [{ shape: [2, 3, 5, 3], values: BYTES }],
    op: (x) => normaliseImages(Tensor.from(x.gpu, BYTES, x.shape), mean, std, "f16"),
    oracle: normalised,
    tolerance: { forward: 1e-3 },
    forwardOnly: true,
  },
  ...withHalves(patches.map(({ shape, patch }): Case => {
    const [batch, channels, height, width] = shape;
    const [down, across] = [height / patch, width / patch];
    return {
      name: `patchify [${shape}] by ${patch}`,
      inputs: [{ shape }],
      op: (x) => patchify(x, patch),
      oracle: (x) =>
        x.reshape([batch, channels, down, patch, across, patch]).permute(0, 2, 4, 1, 3, 5)
          .reshape([batch, down * across, channels * patch * patch]),
    };
  })),
];
