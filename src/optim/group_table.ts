/** The groups of an optimizer as its kernels read them: rates, decays, and which are held. */
import type { Gpu } from "../gpu/gpu.ts";
import type { Parameter } from "../nn/parameter.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { ParameterGroup } from "./optimizer_options.ts";

/** Both corrections after a number of steps. */
type Corrections = (steps: number) => readonly [number, number];

export class GroupTable {
  /** f32 [groups, 4]: learning rate, weight decay, and a group's own corrections; 0 for those of the run. */
  readonly table: Tensor;
  readonly #gpu: Gpu;
  readonly #groups: readonly (ParameterGroup & { readonly heldSteps: number })[];
  readonly #rates: Map<string, number>;
  #isCurrent = false;

  /** Throws RangeError for a negative rate. */
  constructor(gpu: Gpu, groups: Readonly<Record<string, ParameterGroup>>) {
    this.#gpu = gpu;
    this.#groups = Object.values(groups).map((group) => ({ ...group, heldSteps: group.heldSteps ?? 0 }));
    this.#rates = new Map(
      Object.entries(groups).map(([name, { learningRate }]) => [name, mustBeRate(name, learningRate)]),
    );
    this.table = Tensor.empty(gpu, [this.#groups.length, 4]);
  }

  get rates(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#rates);
  }

  /** Throws RangeError for a group that does not exist, or a negative rate. */
  setRate(group: string, rate: number): void {
    if (!this.#rates.has(group)) {
      throw new RangeError(`Cannot set the learning rate of group "${group}": no such group`);
    }
    this.#rates.set(group, mustBeRate(group, rate));
    this.#isCurrent = false;
  }

  /** The number of a parameter's group, if it has one. Throws RangeError for one that does not exist. */
  numberOf(group: string | undefined, { name }: Parameter): number | undefined {
    if (group === undefined) return undefined;
    const number = [...this.#rates.keys()].indexOf(group);
    if (number < 0) throw new RangeError(`Cannot put ${name} into group "${group}": no such group`);
    return number;
  }

  /** True where some group is held at first. */
  get holdsAny(): boolean {
    return this.#groups.some(({ heldSteps }) => heldSteps > 0);
  }

  /** True where a group that was held is no longer so after these steps. */
  changesAt(steps: number): boolean {
    return this.#groups.some(({ heldSteps }) => heldSteps > 0 && heldSteps === steps);
  }

  /** True where the step after these leaves a group as it is. */
  isHeld(group: number, steps: number): boolean {
    return steps < this.#groups[group]!.heldSteps;
  }

  /** Sends the table to the device where it has changed; `step` is the step to be taken, counted from 1. */
  upload(step: number, corrections: Corrections | undefined): void {
    const late = this.#groups.map(({ heldSteps }) =>
      corrections && heldSteps > 0 && step > heldSteps ? corrections(step - heldSteps) : undefined
    );
    const isLate = late.some((own) => own !== undefined);
    if (this.#isCurrent && !isLate) return;
    const words = [...this.#rates.values()].flatMap((rate, i) => [
      rate,
      this.#groups[i]!.weightDecay,
      ...late[i] ?? [0, 0],
    ]);
    this.#gpu.write(this.table, Float32Array.from(words));
    this.#isCurrent = true;
  }

  dispose(): void {
    this.table.dispose();
  }
}

function mustBeRate(group: string, rate: number): number {
  if (!(rate >= 0 && rate < Infinity)) {
    throw new RangeError(`Cannot learn group "${group}" at a rate of ${rate}`);
  }
  return rate;
}
