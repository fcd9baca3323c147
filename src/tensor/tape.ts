/** Reverse-mode differentiation: ops record one closure each; `backward` runs them in reverse. */
import { type GradientWatch, OpenLeaves } from "./open_leaves.ts";
import { adopt, capture } from "./scope.ts";
import { sameShape, showShape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Maps the gradient of an op's output to those of its inputs, in order; `undefined` for an input that gets none.
 * `needed[i]` is false where nobody wants the gradient of input i. `sinks[i]` is the gradient that input i has already, if
 * it has one in memory of its own: the closure may add to it, and then returns the sink itself.
 */
export type Backward = (
  dy: Tensor,
  needed: readonly boolean[],
  sinks: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[];

interface Entry {
  readonly output: Tensor;
  readonly inputs: readonly Tensor[];
  readonly saved: readonly Tensor[];
  readonly backward: Backward;
  /** Leaves that are no inputs, to whose gradients the closure adds by itself. */
  readonly leaves: readonly Tensor[];
}

let tape: Entry[] = [];
let recording = true;

/** True when an op on these inputs must record. Its output is then made with `requiresGrad`. */
export function needsGrad(...inputs: readonly (Tensor | undefined)[]): boolean {
  return recording && inputs.some((input) => input?.requiresGrad);
}

/**
 * Records an op, unless its output needs no gradient. `saved` lists every tensor that the closure reads: the tape holds
 * them, and lets them go as soon as the closure has run. `leaves` are those that are no inputs and whose gradients the closure
 * adds to by itself.
 */
export function record(
  output: Tensor,
  inputs: readonly Tensor[],
  saved: readonly Tensor[],
  backward: Backward,
  leaves: readonly Tensor[] = [],
): Tensor {
  if (!output.requiresGrad) return output;
  for (const tensor of saved) tensor.retain();
  tape.push({ output, inputs, saved, backward, leaves });
  return output;
}

/** The leaves that entries of the tape add to the gradients of, each as often as they do. */
function* leavesOf(entries: readonly Entry[], made: ReadonlySet<Tensor>): Generator<Tensor> {
  for (const { inputs, leaves } of entries) {
    for (const tensor of [...inputs, ...leaves]) if (tensor.requiresGrad && !made.has(tensor)) yield tensor;
  }
}

/** The leaves of what the tape holds now: what differentiating it will add to. */
export function recordedLeaves(): Tensor[] {
  return [...new Set(leavesOf(tape, new Set(tape.map(({ output }) => output))))];
}

/** Refuses an op that has no gradient where one is wanted, so that no gradient is cut silently. */
export function refuseGrad(op: string, ...inputs: readonly Tensor[]): void {
  if (needsGrad(...inputs)) {
    throw new TypeError(`Cannot differentiate ${op}: it has no gradient; detach its input or use noGrad`);
  }
}

/**
 * Runs `body` without recording.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { exp, Gpu, noGrad, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1), [1], true);
 * assert.deepEqual([exp(x).requiresGrad, noGrad(() => exp(x)).requiresGrad], [true, false]);
 * gpu.destroy();
 * ```
 */
export function noGrad<T>(body: () => T): T {
  return withRecording(false, body);
}

/** Runs `body` with recording, even within `noGrad`. The closures of ops run without, so recomputation needs this. */
export function enableGrad<T>(body: () => T): T {
  return withRecording(true, body);
}

function withRecording<T>(on: boolean, body: () => T): T {
  const before = recording;
  recording = on;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/**
 * Runs `body` on a tape of its own. Whatever is left recorded at its end is dropped, with the activations saved for it:
 * only what `body` differentiates itself is of use.
 */
export function withOwnTape<T>(body: () => T): T {
  const outer = tape;
  const own: Entry[] = tape = [];
  try {
    return body();
  } finally {
    for (const { saved } of own) {
      for (const tensor of saved) tensor.dispose();
    }
    tape = outer;
  }
}

/** What closures have left for the end of the backward pass. */
const leftOver: (() => void)[] = [];

/**
 * Has `body` run at the end of the backward pass that is under way, whether it fails or not. For closures of ops: what they give
 * as the gradient of a leaf need not be whole before.
 */
export function atEndOfBackward(body: () => void): void {
  leftOver.push(body);
}

/** The two ops by which gradients are added up; the tape stands below the ops and is given them. */
export interface Summation {
  /** `into += addend`, in place. */
  accumulate(into: Tensor, addend: Tensor): void;
  copy(tensor: Tensor): Tensor;
}

/**
 * Differentiates `output` with respect to every leaf it depends on, adding to each leaf's `grad`; `seed` is the
 * gradient of `output` and has its shape. The tape is used up and saved activations are freed on the way. `watch` is told
 * which gradients are whole.
 */
export function backwardFrom(
  output: Tensor,
  seed: Tensor,
  { accumulate, copy }: Summation,
  watch?: GradientWatch,
): void {
  if (!output.requiresGrad) {
    throw new TypeError("Cannot differentiate a tensor that depends on nothing recorded");
  }
  if (!sameShape(output.shape, seed.shape)) {
    throw new TypeError(
      `Cannot differentiate ${showShape(output.shape)}: its seed is ${showShape(seed.shape)}`,
    );
  }
  const entries = tape.splice(0);
  const made = new Set(entries.map((entry) => entry.output));
  const grads = new Map<Tensor, Tensor>([[output, seed.retain()]]);
  const open = watch && new OpenLeaves(watch, leavesOf(entries, made));

  /** Adds to the gradient of `input`, taking over the caller's hold on `addend`. Shared memory is never written. */
  const add = (input: Tensor, addend: Tensor) => {
    const isLeaf = !made.has(input);
    const sum = isLeaf ? input.grad : grads.get(input);
    if (sum === undefined) {
      if (!isLeaf) grads.set(input, addend);
      else if (addend.isUnique) input.grad = adopt(addend);
      else {
        input.grad = copy(addend);
        addend.dispose();
      }
      return;
    }
    if (isLeaf || sum.isUnique) accumulate(sum, addend);
    else {
      const own = capture(() => copy(sum));
      accumulate(own, addend);
      grads.set(input, own);
      sum.dispose();
    }
    addend.dispose();
  };

  /** The gradient that a closure may add to: nobody else reads it. */
  const sinkOf = (input: Tensor) => {
    if (!made.has(input)) return input.grad;
    const sum = grads.get(input);
    return sum?.isUnique && sameShape(sum.shape, input.shape) ? sum : undefined;
  };

  try {
    noGrad(() => {
      for (let entry = entries.pop(); entry; entry = entries.pop()) {
        const { inputs, saved, backward } = entry;
        const dy = grads.get(entry.output);
        if (dy) {
          grads.delete(entry.output);
          const needed = inputs.map((input) => input.requiresGrad);
          const sinks = inputs.map(sinkOf);
          const inputGrads = capture(() => backward(dy, needed, sinks));
          dy.dispose();
          for (const [i, dx] of inputGrads.entries()) {
            if (dx && needed[i] && dx !== sinks[i]) add(inputs[i]!, dx);
            else dx?.dispose();
          }
        }
        for (const tensor of saved) tensor.dispose();
        if (open) { for (const leaf of leavesOf([entry], made)) open.close(leaf); }
      }
    });
  } finally {
    for (const body of leftOver.splice(0)) noGrad(body);
    open?.end();
  }
}
