import { patchify } from "../../../src/ops/image.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { product, Value } from "../oracle.ts";
import type { Case } from "../table.ts";

const images: readonly { size: readonly [batch: number, height: number, width: number]; patch: number }[] = [
  { size: [1, 1, 1], patch: 1 },
  { size: [2, 6, 9], patch: 3 },
  { size: [1, 4, 6], patch: 1 },
  { size: [2, 5, 5], patch: 5 },
  { size: [2, 16, 24], patch: 8 }, // four pixels at a time
  { size: [3, 4, 12], patch: 4 },
  { size: [3, 4, 8], patch: 2 },
];

const mean = [0.485, 0.456, 0.406] as const;
const std = [0.229, 0.224, 0.5] as const;

export const imageCases: readonly Case[] = images.flatMap(({ size, patch }) => {
  const [batch, height, width] = size;
  const [down, across] = [height / patch, width / patch];
  const shape = [...size, 3];
  const bytes = Uint8Array.from({ length: product(shape) }, (_, i) => 255 - i * 37 % 256);
  return (["f32", "f16"] as const).map((dtype): Case => ({
    name: `patchify [${shape}] by ${patch} to ${dtype}`,
    inputs: [{ shape, values: bytes }],
    op: (x) => patchify(Tensor.from(x.gpu, bytes, shape), patch, { mean, std }, dtype),
    oracle: (x) =>
      x.affine(1 / 255).sub(Value.of([3], mean)).div(Value.of([3], std))
        .reshape([batch, down, patch, across, patch, 3]).permute(0, 1, 3, 5, 2, 4)
        .reshape([batch, down * across, 3 * patch * patch]),
    forwardOnly: true,
    ...(dtype === "f16" && { rounded: true }),
  }));
});
