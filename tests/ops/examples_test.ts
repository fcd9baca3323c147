/** Every public function and class of the engine has an `@example`, which `deno test --doc` runs, or a reason for none. */
import assert from "node:assert/strict";
import * as engine from "../../engine.ts";

const WITHOUT_EXAMPLE: Readonly<Record<string, string>> = {
  ACTIVATION_NAMES: "the names of ACTIVATIONS",
  AdapterError: "an error",
  BERT_STYLE: "a constant, like VIT_STYLE of the example of TransformerEncoder",
  capture: "scope, for callers who dispose what they get",
  DAWN_FLAGS: "a constant",
  DEFAULT_LIMITS: "a constant",
  defineKernel: "WGSL stands in files: see CONTRIBUTING.md",
  DeviceLost: "an error",
  enableGrad: "the inverse of noGrad, within closures",
  EVALUATION: "a constant, in the example of drop",
  FiniteFlags: "made and asked by Adam",
  Gpu: "in every example",
  gradientNorm: "takes what Adam holds",
  keep: "scope, for tensors that outlive it",
  ModulePath: "in the example of Parameters",
  needsGrad: "for ops with kernels of their own: see docs/tape.md",
  ones: "in the example of Adam",
  RandomKeys: "in the example of dropout",
  OutOfMemory: "an error",
  paceAnswers: "takes an npm package: see docs/library.md",
  readTensors: "read, for several tensors",
  record: "for ops with kernels of their own: see docs/tape.md",
  refuseGrad: "for ops with kernels of their own: see docs/tape.md",
  rotaryTurns: "in the example of rotary",
  selfTest: "gives nothing",
  Tensor: "in every example",
  VIT_STYLE: "a constant, in the example of TransformerEncoder",
  zeros: "in the example of Parameters",
};

const root = new URL("../../src/", import.meta.url);
const withExample = new Set<string>();
for (const folder of ["tensor", "ops", "nn", "onnx", "optim"]) {
  for (const { name } of Deno.readDirSync(new URL(`${folder}/`, root))) {
    const source = Deno.readTextFileSync(new URL(`${folder}/${name}`, root));
    const documented = /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport (?:function|class|const) (\w+)/g;
    for (const [, comment, export_] of source.matchAll(documented)) {
      if (/@example\n \* ```ts\n[^]*assert/.test(comment!)) withExample.add(export_!);
    }
  }
}

Deno.test("public functions of the engine have an example that asserts something, or a reason for none", () => {
  const missing = Object.keys(engine).filter((name) => !withExample.has(name) && !(name in WITHOUT_EXAMPLE));
  assert.deepEqual(missing, []);
  assert.deepEqual(
    Object.keys(WITHOUT_EXAMPLE).filter((name) => withExample.has(name) || !(name in engine)),
    [],
  );
});
