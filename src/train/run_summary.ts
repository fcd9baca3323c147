/** What is known of a run once its model is built. */
import { SPLITS } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { SettledConfig } from "../config/run_config.ts";
import type { Parameters } from "../nn/parameters.ts";
import type { RunSummary } from "../runs/records.ts";
import { sizeOf } from "../tensor/shape.ts";
import { planMemory } from "./memory_plan.ts";
import { describePart } from "./model_parts.ts";

/** Throws a UserError for a micro-batch beyond the adapter's limits. */
export function summarise(
  gpu: Gpu,
  all: Parameters,
  config: SettledConfig,
  data: Dataset,
  ranks: number,
): RunSummary {
  const parameters: Record<string, number> = {};
  let frozen = 0;
  for (const { name, shape, frozen: isFrozen } of all) {
    const part = describePart(name);
    parameters[part] = (parameters[part] ?? 0) + sizeOf(shape);
    if (isFrozen) frozen += sizeOf(shape);
  }
  const [train, validation, test] = SPLITS.map((split) => data.count(split));
  return {
    adapter: gpu.name,
    adapter_class: gpu.adapterClass,
    parameters,
    frozen,
    memory: planMemory(gpu, config, data, ranks),
    samples: { train: train!, validation: validation!, test: test! },
    ...(data.task && data.task !== "classification" && { task: data.task }),
    classes: data.classes.length,
  };
}
