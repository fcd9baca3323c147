/** The weights that losses take, all 1 where none are given. */
import type { Gpu } from "../gpu/gpu.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { full } from "./fill.ts";

/** f32 [size]: what is given, or ones. Throws TypeError for another shape or type. */
export function weightsOf(op: string, gpu: Gpu, given: Tensor | undefined, size: number): Tensor {
  if (!given) return full(gpu, [size], 1);
  mustBe("f32", `${op} with weights`, given);
  if (given.rank === 1 && given.size === size) return given;
  throw new TypeError(`Cannot ${op} with weights ${showShape(given.shape)}: it takes [${size}]`);
}
