/**
 * Autograd in thirty lines: a small network learns XOR. Run it by `deno run -A examples/autograd.ts`.
 *
 * It is written as one writes PyTorch, with two differences: `scope` frees every tensor made inside it but those it
 * returns; and operations only queue work for the device, so that nothing waits for it until a value is read.
 */
import assert from "node:assert/strict";
import {
  Adam,
  backward,
  Gpu,
  Linear,
  mean,
  mul,
  Parameters,
  scope,
  sub,
  Tensor,
  xavierNormal,
} from "unis/engine";

const gpu = await Gpu.open("auto");

// Layers declare their parameters by name; `allocate` then lays all of them out in one array on the device.
const parameters = new Parameters();
const hidden = new Linear(parameters.root.at("hidden"), 2, 8, { initializer: xavierNormal });
const output = new Linear(parameters.root.at("output"), 8, 1, { initializer: xavierNormal });
parameters.allocate(gpu, 1); // the seed

const x = Tensor.from(gpu, Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), [4, 2]);
const y = Tensor.from(gpu, Float32Array.of(0, 1, 1, 0), [4, 1]);
const model = (x: Tensor) => output.forward(hidden.forward(x, "relu")); // [batch, 2] to [batch, 1]

const adam = new Adam(parameters, {
  groups: { all: { learningRate: 0.05, weightDecay: 0 } },
  groupOf: () => "all",
});
for (let step = 0; step < 200; step++) {
  scope(() => {
    const error = sub(model(x), y);
    backward(mean(mul(error, error))); // adds to the gradient of every parameter
  });
  adam.step();
  parameters.zeroGrad();
}

const answers = await scope(() => model(x)).read();
console.log(
  "XOR of (0,0), (0,1), (1,0), (1,1):",
  Array.from(answers, (value) => value.toFixed(3)).join("  "),
);
for (const [i, value] of [0, 1, 1, 0].entries()) assert.ok(Math.abs(answers[i]! - value) < 0.1);
gpu.destroy();
