/** Shapes of products and devices to plan them for. */
import type { Limits } from "../../src/gpu/adapter.ts";
import type { PlanDevice } from "../../src/ops/gemm_plan.ts";
import type { GemmShape } from "../../src/ops/gemm_shape.ts";

export function shapeOf(given: Partial<GemmShape> & Pick<GemmShape, "m" | "n" | "k">): GemmShape {
  return {
    batch: 1,
    transposeA: false,
    transposeB: false,
    sharedA: false,
    sharedB: false,
    epilogue: "none",
    dtype: "f32",
    result: given.dtype ?? "f32",
    ...given,
  };
}

/** Its textures hold less than a MiB. */
export function device(
  adapterClass: PlanDevice["adapterClass"],
  memory: number,
  invocations: number,
  name = "unknown",
): PlanDevice {
  const limits = {
    maxComputeWorkgroupStorageSize: memory,
    maxComputeInvocationsPerWorkgroup: invocations,
  } as Limits;
  return {
    name,
    adapterClass,
    limits,
    fitsTexture: ({ bytes }) => bytes < 2 ** 20,
    slots: new Map(),
    matrixUnits: [],
  };
}
