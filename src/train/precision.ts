/** Tells the precisions that an adapter can do. */
import type { Gpu } from "../gpu/gpu.ts";
import { UserError } from "../base/user_error.ts";
import type { RunConfig } from "../config/run_config.ts";
import { packsProducts } from "../ops/gemm_plan.ts";

/** True where kernels may compute in a precision. */
function has({ features }: Gpu, { training }: RunConfig): boolean {
  return training.precision === "f32" || features.has("shader-f16");
}

/** Throws a UserError where the adapter cannot do the precision of a configuration. */
export function mustHavePrecision(gpu: Gpu, config: RunConfig): void {
  if (has(gpu, config)) return;
  throw new UserError(
    `"training.precision" is f16, which the adapter "${gpu.name}" cannot do (it has no shader-f16): use --precision f32`,
  );
}

/** For evaluation, which may as well be done in f32: the configuration with a precision that the adapter can do. */
export function withPossiblePrecision(gpu: Gpu, config: RunConfig): RunConfig {
  return has(gpu, config) ? config : { ...config, training: { ...config.training, precision: "f32" } };
}

/** Has the device add up products as a configuration says, from now on. */
export function chooseProducts(gpu: Gpu, { training }: RunConfig): void {
  packsProducts.set(gpu, training.f16_products === "packed");
}
