/** The recorded step, the marks between what drivers print, and the report where no compilers are. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { adapterOf, CARDS, MATRIX_UNITS } from "../../scripts/gpu_report/cards.ts";
import { readMarks } from "../../scripts/gpu_report/marks.ts";
import { privateArrays } from "../../scripts/gpu_report/private_arrays.ts";
import { nameOf, recordStep } from "../../scripts/gpu_report/record_step.ts";
import { STEPS } from "../../scripts/gpu_report/steps.ts";
import { faultsOf, summaryRow } from "../../scripts/gpu_report/tables.ts";

Deno.test("a step is recorded with the code of its kernels, and every dispatch has one", () => {
  const step = recordStep(adapterOf(CARDS.h100!), STEPS.small, "f16");
  const { kernels, dispatches } = step;
  assert.ok(dispatches.length > kernels.length && kernels.length > 30);
  assert.ok(dispatches.every(({ kernel }) => kernels[kernel]?.id === kernel));
  for (const { code, entry, layout } of kernels) {
    assert.match(code, new RegExp(`fn ${entry}\\(`));
    assert.ok(layout.length > 0);
  }
  const attention = kernels.find(({ label }) => label === "attention_tiles.forward")!;
  assert.match(attention.code, /^enable f16;/m);
  assert.match(nameOf(attention, step), /^attention_tiles\.forward .*17/);
  const operations = dispatches.reduce((sum, dispatch) => sum + dispatch.operations, 0);
  const again = recordStep(adapterOf(CARDS.h100!), STEPS.small, "f16");
  assert.equal(operations, again.dispatches.reduce((sum, dispatch) => sum + dispatch.operations, 0));
});

for (const unit of MATRIX_UNITS) {
  const { m, n, k } = unit;
  Deno.test(`a step by matrix units, ${m}×${n}×${k}, has kernels for products and attention, and no array indexed at run time`, () => {
    const { kernels } = recordStep(adapterOf(CARDS.h100!, [unit]), STEPS.small, "f16");
    const found = kernels.filter(({ code }) => code.includes("subgroup_matrix_"));
    const labels = new Set(found.map(({ label }) => label));
    for (const entry of ["forward", "grad_q", "grad_kv"]) {
      assert.ok(labels.has(`attention_matrices.${entry}`), entry);
    }
    assert.ok([...labels].some((label) => label.startsWith("matmul_matrix")));
    for (const { label, code, entry } of found) {
      assert.deepEqual(privateArrays(label, code, entry, "tint"), [], label);
      const spoiled = code.replace("(*results)[n] = ", "(*results)[subgroup] = ");
      if (!code.includes("fn add_results")) continue;
      const found = n < 16 ? ["add_results.results"] : []; // heads of 16 are one matrix of 16 columns
      assert.deepEqual(privateArrays(label, spoiled, entry, "tint"), found, label);
    }
  });
}

Deno.test("marks are found wherever a stream is cut, and what stands before each", async () => {
  const text = 'noise\n\u00a7unis {"adapter":"A"}\nlisting 1\nlisting 2\n\n\u00a7unis {"end":true}\nrest';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 7, bytes.length]) {
    const chunks = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, i) => bytes.slice(i * size, (i + 1) * size),
    );
    const found = await Array.fromAsync(readMarks(ReadableStream.from(chunks)));
    assert.deepEqual(found, [
      { mark: { adapter: "A" }, before: "noise" },
      { mark: { end: true }, before: "listing 1\nlisting 2\n" },
      { mark: undefined, before: "rest" },
    ]);
  }
});

Deno.test("spills, scratch and refusals are faults; the summary has the most, and shares by operations", () => {
  const figures = { registers: 8, spills: 0, scratch: 0, occupancy: 4, instructions: 9 };
  const shares = (innermost: number) => ({ kernel: 0, loops: innermost / 2, innermost });
  const step = {
    adapter: "A",
    kernels: [
      {
        name: "matmul_tiles 1",
        operations: 6,
        figures: { ...figures, shares: shares(0.6) },
        error: undefined,
      },
      {
        name: "matmul_tiles 2",
        operations: 2,
        figures: { ...figures, spills: 3, shares: shares(0.2) },
        error: undefined,
      },
      { name: "sum", operations: 0, figures: { ...figures, scratch: 16, registers: 10 }, error: undefined },
      { name: "bad", operations: 0, figures: undefined, error: "no such function\nat line 3" },
    ],
  };
  assert.deepEqual(faultsOf(step), [
    "matmul_tiles 2 spills 3 registers, and has 0 bytes of its own",
    "sum spills 0 registers, and has 16 bytes of its own",
    "bad is refused: no such function",
  ]);
  assert.deepEqual(summaryRow("x", step), ["x", "4", "10", "3", "16", "20 % / 40 %", "-", "-", "-"]);
});

async function report(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = join(import.meta.dirname!, "../../scripts/gpu_report/main.ts");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, "--step", "small", "--precision", "f32", ...args],
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("compilers that are not at hand are skipped, and said to be; the rest is reported", async () => {
  const { stdout } = await report("--compilers", "/nowhere", "--gpu", "navi31");
  assert.match(stdout, /^skipped: navi31 .*no such driver in \/nowhere$/m);
  assert.match(stdout, /^Roofline, f32: NVIDIA H100/m);
  assert.match(stdout, /^the step +\d+/m);
});

Deno.test("a wrong option is said, with the right ones, and the status is 2", async () => {
  const { code, stderr } = await report("--gpu", "voodoo2");
  assert.equal(code, 2);
  assert.match(stderr, /--gpu voodoo2 is not known; there are navi31, gfx1201/);
});
