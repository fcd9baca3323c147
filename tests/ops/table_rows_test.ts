/** Every exported function of `src/ops` has a row in the op table that checks its gradient, or a reason to have none. */
import assert from "node:assert/strict";
import { families } from "./families.ts";
import type { Case } from "./table.ts";

/** Modules that export no op, and what they are. */
const HELPERS: Readonly<Record<string, string>> = {
  "attention_plan.ts": "how attention is cut into blocks",
  "backward.ts": "starts the tape",
  "binding_ranges.ts": "how large tensors are bound in parts",
  "broadcast.ts": "shapes and strides",
  "ceilings.ts": "measures the device",
  "check.ts": "types of arguments",
  "conv_weights.ts": "how convolutions read their weights",
  "device_watch.ts": "looks at the device while it is used",
  "gemm.ts": "the product below matmul and linear, whose rows carry it out",
  "gemm_images.ts": "the same, where images take part",
  "gemm_kernels.ts": "the same, its kernels",
  "gemm_shape.ts": "the same, its shape and name",
  "gemm_plan.ts": "the same, how it is computed",
  "gemm_matrix.ts": "the same, how it goes by matrix units",
  "gemm_tiles.ts": "the same, how it is cut into tiles for GPUs",
  "gemm_time.ts": "the same, how long it takes on GPUs",
  "loss_weights.ts": "weights that losses take",
  "indices.ts": "checks and sorts indices on the host",
  "packs.ts": "how many elements an invocation handles at once",
  "reduction.ts": "sums and maxima below the ops of reduce.ts",
  "rows.ts": "kernels along rows",
  "running_sums.ts": "adds up metrics in place, outside the tape",
  "self_test.ts": "checks the adapter",
  "windows.ts": "windows over images: checks and counts",
  "workgroup.ts": "sizes of workgroups and what they link",
};

/** The other exports whose gradient no row checks, and why. */
const WITHOUT_GRADIENT: Readonly<Record<string, string>> = {
  accumulate: "adds in place, outside the tape",
  argmax: "gives integers, and refuses a gradient",
  castInto: "writes in place, outside the tape",
  copy: "outside the tape",
  countPairTypes: "counts integers",
  countRight: "counts integers",
  detach: "has no gradient by design",
  dropoutParams: "parameters of a kernel",
  embedding: "another name of gatherRows",
  equal: "is constant almost everywhere, and refuses a gradient",
  fill: "writes in place",
  overlapBound: "a number",
  full: "has no input",
  linearGelu: "is a part of linear and of feedForward",
  geluGrad: "is the gradient of gelu and linear",
  isClass: "compares integers",
  isNear: "a mask of integers",
  isPairType: "a mask of integers",
  isSet: "a mask of integers",
  pairTypes: "compares integers",
  patchify: "takes bytes",
  placeTables: "makes tables on the host",
  rotaryTurns: "makes a table on the host",
  reluGrad: "is the gradient of relu and linear",
  labelPairs: "looks up by integers",
  less: "is constant almost everywhere, and refuses a gradient",
  sameLabel: "a mask of integers",
};

const folder = new URL("../../src/ops/", import.meta.url);
const modules = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
/** A row is named after the op it checks. */
const opsOf = (rows: readonly Case[]) => new Set(rows.map(({ name }) => name.match(/^\w+/)![0]));
const rows = Object.values(families).flat();
const withGradient = opsOf(rows.filter(({ forwardOnly }) => !forwardOnly));

const exported = new Map<string, string>();
for (const module of modules.filter((name) => !(name in HELPERS))) {
  for (const [name, value] of Object.entries(await import(new URL(module, folder).href))) {
    if (typeof value === "function") exported.set(name, module);
  }
}

Deno.test("the gradient of every exported op is checked by a row, or there is a reason why none is", () => {
  const missing = [...exported].filter(([name]) => !withGradient.has(name) && !(name in WITHOUT_GRADIENT));
  assert.deepEqual(missing, []);
});

Deno.test("rows and reasons are of what src/ops exports, and never both", () => {
  const reasons = Object.keys(WITHOUT_GRADIENT);
  assert.deepEqual(Object.keys(HELPERS).filter((module) => !modules.includes(module)), []);
  assert.deepEqual([...opsOf(rows), ...reasons].filter((name) => !exported.has(name)), []);
  assert.deepEqual(reasons.filter((name) => withGradient.has(name)), []);
});
