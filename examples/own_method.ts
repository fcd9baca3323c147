/**
 * A method of one's own, in the program: representations are averaged, and those of one sample are drawn together. Run it
 * by `deno run -A examples/own_method.ts`.
 *
 * Once it is registered, the command line, configurations, experiments and reports take its name as any other.
 */
import assert from "node:assert/strict";
import { add, affine, cosineSimilarity, mean, scale, type Tensor } from "unis/engine";
import { type Fusion, type Method, registerMethod } from "unis/models";
import { run, RunFolder } from "unis";

const average: Fusion = {
  description: "the mean of all representations",
  width: ([first]) => first!,
  fuse: (all) => scale(all.reduce(add), 1 / all.length),
};

/** L = Σ_m CE_m + CE_fused + λ Σ_{a<b} mean(1 − cos(r_a, r_b)) */
const align: Method = {
  name: "align",
  description: "fused and unimodal losses, and λ times the distance of a sample's modalities",
  fusion: average,
  unimodalHeadsAreProbes: false, // the unimodal losses are part of the method
  contrast: (representations, pairs) =>
    pairs.map(({ a, b }) => distance(representations[a]!, representations[b]!)).reduce(add),
};

const distance = (a: Tensor, b: Tensor) => mean(affine(cosineSimilarity(a, b), -1, 1));

registerMethod(align);

// A table of two modalities of numbers, each of which tells its class with some noise.
const folder = Deno.makeTempDirSync();
const rows = Array.from({ length: 120 }, (_, i) => {
  const side = i % 2 === 0 ? 1 : -1;
  const noise = (k: number) => 1.5 * Math.sin(12.9898 * i + 78.233 * k);
  return [side + noise(1), side + noise(2), side + noise(3), side > 0 ? "up" : "down"].join();
});
Deno.writeTextFileSync(`${folder}/table.csv`, ["a,b,c,label", ...rows].join("\n"));

const status = await run([
  ...["train", "--data", `table:${folder}/table.csv`, "--method", "align", "--epochs", "20"],
  ...["--out", `${folder}/run`],
  ...["--set", 'data.modalities.left.features=["a","b"]', "data.modalities.right.features=c"],
  ...["training.batch=12", "training.micro_batch=12"],
]);
assert.equal(status, 0);
const accuracy = RunFolder.open(`${folder}/run`).evaluation()!.accuracy;
console.log("test accuracy", accuracy);
assert.ok(accuracy.fusion! > 0.7);
Deno.removeSync(folder, { recursive: true });
