/** Rotary positions: queries and keys that turn with the place of their token. */
import { defineKernel } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf, mustBe } from "./check.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import rotary_ from "../../wgsl/attention/rotary.wgsl" with { type: "text" };

const kernel = defineKernel("rotary", [rotary_, grid]);

/** cos and sin of the angles place · theta^(−2j / dim) of pair j of a head: [places, 2, dim / 2], by rows. */
export function rotaryTurns(places: number, dim: number, theta: number): Float32Array<ArrayBuffer> {
  const half = dim / 2;
  return Float32Array.from({ length: places * dim }, (_, i) => {
    const angle = Math.floor(i / dim) * theta ** (-(i % half) / half);
    return i % dim < half ? Math.cos(angle) : Math.sin(angle);
  });
}

/**
 * Turns the first `turned` heads of every token by its place (Su et al., 2021), elements j and j + dim / 2 as a pair; x is
 * [batch, tokens, heads · dim], f32 or f16, and so is the result. turns f32 [places, 2, dim / 2] is what `rotaryTurns`
 * gives, of at least as many places as there are tokens. Throws TypeError for other shapes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, rotary, rotaryTurns, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 0, 1, 0), [1, 2, 2]); // two tokens, one head of a single pair
 * const turns = Tensor.from(gpu, rotaryTurns(2, 2, 10000), [2, 2, 1]);
 * const y = await rotary(x, turns, 1).read();
 * assert.deepEqual([y[0], y[1]], [1, 0]); // place 0 is not turned
 * assert.ok(Math.abs(y[2]! - Math.cos(1)) < 1e-6 && Math.abs(y[3]! - Math.sin(1)) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function rotary(x: Tensor, turns: Tensor, turned: number): Tensor {
  const dtype = floatOf("turn", x);
  mustBe("f32", "turn by", turns);
  const [places, , half] = turns.shape as [number, number, number];
  const [, tokens, width] = x.shape as [number, number, number];
  const dim = 2 * half;
  const fits = x.rank === 3 && turns.rank === 3 && turns.shape[1] === 2 && width % dim === 0 &&
    tokens <= places && turned * dim <= width;
  if (!fits) {
    throw new TypeError(
      `Cannot turn ${turned} heads of ${showShape(x.shape)} by ${showShape(turns.shape)}: they must be ` +
        "[batch, tokens, heads · dim] and [places, 2, dim / 2], with a place for each token",
    );
  }
  const turn = (x: Tensor, direction: 1 | -1, requiresGrad: boolean) => {
    const y = Tensor.empty(x.gpu, x.shape, x.dtype, requiresGrad);
    const count = x.size / 2;
    x.gpu.dispatch({
      kernel,
      entry: "rotary",
      buffers: { x, turns, y },
      params: { count, tokens, heads: width / dim, turned, half, direction },
      invocations: count,
      constants: { Elem: dtype },
    });
    return y;
  };
  return record(turn(x, 1, needsGrad(x)), [x], [turns], (dy) => [turn(dy, -1, false)]);
}
