/** What to say where the adapter has no memory left: what was planned, and what takes less. */
import type { ModelData } from "../build/resolve_encoders.ts";
import type { SettledConfig } from "../config/run_config.ts";
import type { OutOfMemory } from "../gpu/device_errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { formatBytes } from "../report/units.ts";
import { planMemory } from "../train/memory_plan.ts";
import { UserError } from "../base/user_error.ts";

/** A way to train with less memory: what to type, and the configuration that it makes. */
interface Saving {
  readonly flag: string;
  readonly config: SettledConfig;
}

/** The plan of a training that ran out of memory, beside those of what could be changed about it, in one line. */
export function describeShortage(
  error: OutOfMemory,
  gpu: Gpu,
  config: SettledConfig,
  data: ModelData,
): string {
  const { held, ...plan } = planMemory(gpu, config, data);
  const parts = (["weights", "gradients", "moments", "average", "activations"] as const)
    .flatMap((part) => plan[part] ? [`${part} ${formatBytes(plan[part])}`] : []);
  const less = savingsOf(gpu, config)
    .map(({ flag, config }) => ({ flag, bytes: heldBy(gpu, config, data) }))
    .filter(({ bytes }) => bytes < held)
    .map(({ flag, bytes }) => `${flag} (${formatBytes(bytes)})`);
  const ways = [...less, "freezing layers by model.encoders.NAME.frozen", "a smaller encoder"];
  return `${error.message}. Planned for training are ${formatBytes(held)}: ${
    parts.join(", ")
  }, with a micro-batch of ` +
    `${config.training.micro_batch}. Less take ${ways.join(", ")}; or end what else uses the adapter`;
}

/** Micro-batches of half the size, activations that are computed twice, and f16, each alone and then all together. */
function savingsOf(gpu: Gpu, config: SettledConfig): Saving[] {
  const { training, model } = config;
  const half = Math.floor(training.micro_batch / 2);
  const smaller = Array.from({ length: half }, (_, i) => half - i)
    .find((size) => training.batch % size === 0);
  const changes: { flag: string; change: (config: SettledConfig) => SettledConfig }[] = [
    ...(smaller === undefined ? [] : [{
      flag: `--micro-batch ${smaller}`,
      change: (one: SettledConfig) => ({ ...one, training: { ...one.training, micro_batch: smaller } }),
    }]),
    ...(model.checkpointing ? [] : [{
      flag: "--checkpointing",
      change: (one: SettledConfig) => ({ ...one, model: { ...one.model, checkpointing: true } }),
    }]),
    ...(training.precision === "f16" || !gpu.features.has("shader-f16") ? [] : [{
      flag: "--precision f16",
      change: (one: SettledConfig) => ({ ...one, training: { ...one.training, precision: "f16" as const } }),
    }]),
  ];
  const single = changes.map(({ flag, change }) => ({ flag, config: change(config) }));
  if (changes.length < 2) return single;
  const all = changes.reduce((one, { change }) => change(one), config);
  return [...single, { flag: changes.map(({ flag }) => flag).join(" "), config: all }];
}

/** Bytes that a configuration would hold; infinite where it cannot be planned. */
function heldBy(gpu: Gpu, config: SettledConfig, data: ModelData): number {
  try {
    return planMemory(gpu, config, data).held;
  } catch (error) {
    if (error instanceof UserError) return Infinity;
    throw error;
  }
}
