/**
 * Exports a run and compares the encoders and heads, as `transformers` and PyTorch load them, with the run itself:
 *
 *     deno run -A scripts/check_export.ts [RUN]
 *
 * Without a run, one of an epoch is trained first. PYTHON names the Python to begin with (python3 if not set); what it
 * lacks is installed into a virtual environment that is removed afterwards.
 */
import { join } from "node:path";
import { exportRun } from "../src/cli/export.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { type TensorToStore, writeSafetensors } from "../src/io/safetensors.ts";
import { EVALUATION } from "../src/nn/context.ts";
import { Parameters } from "../src/nn/parameters.ts";
import { noGrad } from "../src/tensor/tape.ts";
import { scope } from "../src/tensor/scope.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { buildModel } from "../src/build/build_model.ts";
import { OpenRun } from "../src/app/open_run.ts";
import { pythonWith, runProgram } from "./python.ts";

const SAMPLES = 24;

/** Inputs, last hidden states and logits of the first test samples, as check_export.py wants them, and their texts. */
async function computeExpected(path: string) {
  const gpu = await Gpu.open();
  const opened = await OpenRun.open(path);
  const { run } = opened;
  const { dataset: data } = await opened.openData("test", console.warn);
  const parameters = new Parameters();
  const model = buildModel(parameters.root, run.config, data);
  parameters.allocate(gpu, 0, () => true);
  {
    using weights = run.checkpoints.openBest();
    for (const { name } of parameters) parameters.write(name, weights.readFloat32(name));
  }
  const rows = Uint32Array.from({ length: Math.min(SAMPLES, data.count("test")) }, (_, row) => row);
  const batch = await data.batch("test", rows);
  const found: Record<string, Tensor> = scope(() =>
    noGrad(() => {
      const inputs = model.upload(gpu, batch.modalities);
      const { unimodalLogits, fusedLogits } = model.forward(inputs, EVALUATION);
      const outputs: Record<string, Tensor> = { "logits.fusion": fusedLogits! };
      for (const [name, encoder] of Object.entries(model.encoders)) {
        const hidden = encoder.lastHiddenState?.(inputs[name]!, EVALUATION);
        if (hidden === undefined) throw new Error(`${name} is no encoder that transformers could load`);
        outputs[`${name}.hidden`] = hidden;
        outputs[`logits.${name}`] = unimodalLogits[name]!;
      }
      return outputs;
    })
  );
  const tensors: Record<string, TensorToStore> = {};
  for (const [name, tensor] of Object.entries(found)) {
    tensors[name] = { dtype: "F32", shape: tensor.shape, data: await tensor.read() };
  }
  for (const [name, input] of Object.entries(batch.modalities)) {
    if (input.kind === "image") {
      const shape = [batch.size, input.height, input.width, 3];
      tensors[`${name}.pixels`] = { dtype: "U8", shape, data: input.pixels };
    } else if (input.kind === "text") {
      const shape = [batch.size, input.tokens];
      for (const part of ["ids", "mask"] as const) {
        tensors[`${name}.${part}`] = { dtype: "I32", shape, data: Int32Array.from(input[part]) };
      }
    }
  }
  const texts = Array.from(rows, (row) => data.text("test", row));
  gpu.destroy();
  return { tensors, texts };
}

const folder = await Deno.makeTempDir({ prefix: "unis-export-" });
try {
  let path = Deno.args[0];
  if (path === undefined) {
    path = join(folder, "run");
    const main = new URL("../main.ts", import.meta.url).pathname;
    await runProgram(Deno.execPath(), "run", "-A", main, "train", "--epochs", "1", "--out", path);
  }
  const [exported, expected, list] = ["exported", "expected.safetensors", "texts.json"].map((name) =>
    join(folder, name)
  ) as [string, string, string];
  await exportRun(path, exported);
  const { tensors, texts } = await computeExpected(path);
  writeSafetensors(expected, tensors);
  await Deno.writeTextFile(list, JSON.stringify(texts));
  const python = await pythonWith(join(folder, "environment"));
  const script = new URL("check_export.py", import.meta.url).pathname;
  await runProgram(python, script, exported, expected, list);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
