/** Lowers learning rates when a metric stops improving. */
import { UserError } from "../base/user_error.ts";

export type PlateauOptions = {
  /** "max" if not given: the metric shall rise. */
  readonly mode?: "max" | "min";
  /** The factor of a reduction; 0.1 if not given. */
  readonly factor?: number;
  /** Metrics in a row that may come without an improvement; 10 if not given. */
  readonly patience?: number;
  /** The fraction of the best by which a metric must beat it; 1e-4 if not given. */
  readonly threshold?: number;
  /** Metrics after a reduction for which none without improvement is counted; 0 if not given. */
  readonly cooldown?: number;
  /** The lowest rate; 0 if not given. */
  readonly minimum?: number;
  /** Reductions by this or less are not made; 1e-8 if not given. */
  readonly epsilon?: number;
};

export type PlateauState = {
  /** null before the first metric. */
  readonly best: number | null;
  readonly bad: number;
  readonly cooldown: number;
};

/** An optimizer, as far as schedules know it: something that has learning rates by group. */
export interface Rated {
  readonly learningRates: Readonly<Record<string, number>>;
  setLearningRate(group: string, rate: number): void;
}

/**
 * The rule of torch's `ReduceLROnPlateau`, with a relative threshold.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ReduceOnPlateau } from "unis/engine";
 *
 * const rates: Record<string, number> = { all: 0.1 };
 * const optimizer = {
 *   learningRates: rates,
 *   setLearningRate: (group: string, rate: number) => void (rates[group] = rate),
 * };
 * const plateau = new ReduceOnPlateau(optimizer, { patience: 1, factor: 0.5 });
 * for (const accuracy of [0.7, 0.7, 0.7]) plateau.step(accuracy);
 * assert.equal(rates.all, 0.05);
 * ```
 */
export class ReduceOnPlateau {
  readonly #optimizer: Rated;
  readonly #options: Required<PlateauOptions>;
  #best: number;
  #bad = 0;
  #cooldown = 0;

  /** Throws a UserError for a factor that is not below 1. */
  constructor(optimizer: Rated, options: PlateauOptions = {}) {
    const defaults = {
      mode: "max",
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      cooldown: 0,
      minimum: 0,
      epsilon: 1e-8,
    };
    this.#options = { ...defaults, ...options } as Required<PlateauOptions>;
    const { factor } = this.#options;
    if (!(factor > 0 && factor < 1)) {
      throw new UserError(
        `Cannot reduce the learning rate on a plateau by factor ${factor}: it must be between 0 and 1`,
      );
    }
    this.#optimizer = optimizer;
    this.#best = this.#worst;
  }

  /** Takes the metric of an epoch; true when it lowered the rates. */
  step(metric: number): boolean {
    if (this.#isBetter(metric)) {
      this.#best = metric;
      this.#bad = 0;
    } else {
      this.#bad++;
    }
    if (this.#cooldown > 0) {
      this.#cooldown--;
      this.#bad = 0;
    }
    if (this.#bad <= this.#options.patience) return false;
    this.#cooldown = this.#options.cooldown;
    this.#bad = 0;
    return this.#reduce();
  }

  get state(): PlateauState {
    const best = Number.isFinite(this.#best) ? this.#best : null;
    return { best, bad: this.#bad, cooldown: this.#cooldown };
  }

  set state({ best, bad, cooldown }: PlateauState) {
    this.#best = best ?? this.#worst;
    this.#bad = bad;
    this.#cooldown = cooldown;
  }

  get #worst(): number {
    return this.#options.mode === "max" ? -Infinity : Infinity;
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold } = this.#options;
    return mode === "max" ? metric > this.#best * (1 + threshold) : metric < this.#best * (1 - threshold);
  }

  #reduce(): boolean {
    const { factor, minimum, epsilon } = this.#options;
    let changed = false;
    for (const [group, rate] of Object.entries(this.#optimizer.learningRates)) {
      const lower = Math.max(rate * factor, minimum);
      if (rate - lower <= epsilon) continue;
      this.#optimizer.setLearningRate(group, lower);
      changed = true;
    }
    return changed;
  }
}
