/** Larger steps for more processes. */
import type { RunConfig } from "./run_config.ts";

/** By how much rates grow with a batch that grows by a factor. */
export const RATE_RULES = {
  /** Goyal et al. 2017, seen for SGD with a warm-up. */
  linear: (factor: number) => factor,
  /** For optimizers that divide by the size of gradients, such as Adam: Malladi et al. 2022. */
  root: Math.sqrt,
} as const;
export type RateRule = keyof typeof RATE_RULES;

/** The configuration with a batch of so many times the samples, and all its rates after the rule. */
export function scaleBatch(config: RunConfig, factor: number, rule: RateRule): RunConfig {
  const { training, optimizer, plateau } = config;
  const by = RATE_RULES[rule](factor);
  const scaled = (rates: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, by * rate]));
  return {
    ...config,
    training: { ...training, batch: factor * training.batch },
    optimizer: {
      ...optimizer,
      encoder_learning_rate: by * optimizer.encoder_learning_rate,
      head_learning_rate: by * optimizer.head_learning_rate,
      learning_rates: scaled(optimizer.learning_rates),
      head_learning_rates: scaled(optimizer.head_learning_rates),
      rate_patterns: scaled(optimizer.rate_patterns),
    },
    plateau: { ...plateau, minimum_learning_rate: by * plateau.minimum_learning_rate },
  };
}
