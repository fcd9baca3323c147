/** Parameters used as one: the same results as apart, in fewer dispatches. */
import assert from "node:assert/strict";
import { readArrays } from "../../src/nn/flat_arrays.ts";
import { normal } from "../../src/nn/initializers.ts";
import { JoinedLinear } from "../../src/nn/linear.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import { linear } from "../../src/ops/matmul.ts";
import { add, mul } from "../../src/ops/arithmetic.ts";
import { sum } from "../../src/ops/reduce.ts";
import { concat } from "../../src/ops/shape.ts";
import { keep, scope } from "../../src/tensor/scope.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { relativeError } from "../ops/table.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();
const ROWS = 6;
const NAMES = ["a", "b", "c"];

const waves = (shape: readonly number[], step: number, requiresGrad = false) => {
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(step * i + 1));
  return Tensor.from(gpu, values, shape, requiresGrad);
};

interface Case {
  readonly outputs: number;
  readonly inputs: number;
  /** How the names begin of what does not learn; all learn if not given. */
  readonly frozen?: string;
  readonly bias?: boolean;
  /** Of the three layers, forward. */
  readonly dispatches?: { readonly f32: number; readonly f16: number };
}

const cases: readonly Case[] = [
  // Weights and biases fill whole blocks of 64 values: one product and nothing else, unless some learn and some do not.
  { outputs: 64, inputs: 4, dispatches: { f32: 1, f16: 1 } },
  { outputs: 64, inputs: 4, bias: false, dispatches: { f32: 1, f16: 1 } },
  { outputs: 64, inputs: 4, frozen: "b." },
  { outputs: 64, inputs: 4, frozen: "", dispatches: { f32: 1, f16: 1 } },
  // Weights do, biases do not: three parts are brought together. In f16 blocks have 128 values.
  { outputs: 8, inputs: 16, dispatches: { f32: 4, f16: 4 } },
  { outputs: 8, inputs: 8, dispatches: { f32: 4, f16: 7 } },
  { outputs: 3, inputs: 5, dispatches: { f32: 7, f16: 7 } },
  { outputs: 3, inputs: 5, frozen: "c.weight" },
];

for (const { outputs, inputs, frozen, bias = true, dispatches } of cases) {
  for (const precision of ["f32", "f16"] as const) {
    Deno.test({
      name: `three joined layers of [${outputs}, ${inputs}] ${
        bias ? "with" : "without"
      } bias in ${precision}, ${
        frozen === undefined ? "all learning" : `"${frozen}" frozen`
      }, are the three layers`,
      ignore: precision === "f16" && !gpu.features.has("shader-f16"),
      async fn() {
        const live = gpu.memory.live;
        const parameters = new Parameters();
        const options = { initializer: normal(1), takesF16: true, bias };
        const joined = new JoinedLinear(parameters.root, NAMES, inputs, outputs, options);
        const [all, last] = [joined.layers(0, 3), joined.layers(1, 3)];
        const isFrozen = (name: string) => frozen !== undefined && name.startsWith(frozen);
        parameters.freeze(isFrozen);
        parameters.allocate(gpu, 1, undefined, precision === "f16");
        for (const name of bias ? NAMES : []) {
          parameters.write(`${name}.bias`, new Float32Array(outputs).fill(name.charCodeAt(0)));
        }

        const apart = (names: readonly string[]) => (x: Tensor) =>
          concat(
            names.map((name) => {
              const weight = parameters.get(`${name}.weight`);
              const operand = precision === "f16" ? weight.half : weight.value;
              return linear(x, operand, bias ? parameters.get(`${name}.bias`).value : undefined);
            }),
            1,
          );
        const learned = [...parameters].filter(({ frozen }) => !frozen);
        /** Two results, and the gradients of all that learns. */
        const run = (ofAll: (x: Tensor) => Tensor, ofLast: (x: Tensor) => Tensor) => {
          parameters.zeroGrad();
          const results = scope(() => {
            const x = waves([ROWS, inputs], 0.7, true);
            const [y, z] = [ofAll, ofLast].map((of) =>
              cast(of(precision === "f16" ? cast(x, "f16") : x), "f32")
            );
            const loss = add(
              sum(mul(y!, waves([ROWS, 3 * outputs], 0.3))),
              sum(mul(z!, waves([ROWS, 2 * outputs], 1.1))),
            );
            backward(loss);
            return [y!, z!, x.grad!].map(keep);
          });
          const grads = learned.map(({ grad }) => grad);
          const read = readArrays([...results, ...grads]);
          for (const result of results) result.dispose();
          return read;
        };
        const [together, separate] = [await run(all, last), await run(apart(NAMES), apart(NAMES.slice(1)))];
        const names = ["all", "last", "x", ...learned.map(({ name }) => name)];
        for (const [i, name] of names.entries()) {
          const [got, expected] = [together[i]!, separate[i]!];
          assert.ok(expected.some((value) => value !== 0), name);
          const error = relativeError(got, expected);
          assert.ok(error < (precision === "f16" ? 2e-3 : 1e-5), `${name} is off by ${error}`);
        }
        if (dispatches !== undefined) {
          scope(() => {
            const x = waves([ROWS, inputs], 0.7);
            const input = precision === "f16" ? cast(x, "f16") : x;
            const before = gpu.dispatches;
            noGrad(() => all(input));
            assert.equal(gpu.dispatches - before, dispatches[precision]);
          });
        }
        parameters.dispose();
        assert.equal(gpu.memory.live, live, "bytes left behind");
      },
    });
  }
}

Deno.test("parameters of one shape are joined, before they are allocated", () => {
  const parameters = new Parameters();
  const joined = new JoinedLinear(parameters.root, NAMES, 2, 2, { initializer: normal(1) });
  const other = parameters.root.parameter("other", [2, 3], normal(1));
  const same = parameters.root.parameter("same", [3, 2], normal(1));
  assert.throws(
    () => parameters.join([other, same]),
    /TypeError: Cannot join "other" of \[2, 3\] and "same" of \[3, 2\]: shapes differ/,
  );
  parameters.allocate(gpu, 1);
  assert.throws(() => joined.layers(0, 2), /Cannot join parameters: memory is allocated already/);
  parameters.dispose();
});
