/** What is kept of weights: their average, where there is one, with adapters merged, so that nothing that reads these needs to know of them. */
import { isAdapter } from "../nn/low_rank.ts";
import type { Arrays } from "../runs/run_checkpoints.ts";

type Lora = { readonly rank: number; readonly alpha: number };

/** The weights with their averages by name in their place, where there are some, and with adapters merged. */
export function keptWeights(
  weights: Arrays,
  averages: ReadonlyMap<string, Float32Array<ArrayBuffer>> | undefined,
  lora: Lora | undefined,
): Arrays {
  const averaged = averages === undefined ? weights : new Map(
    [...weights].map(([name, own]) => [name, { ...own, data: averages.get(name) ?? own.data }]),
  );
  return lora === undefined ? averaged : mergeAdapters(averaged, lora);
}

/** W + α/r B A in the place of each W that has an adapter, and no adapters. */
export function mergeAdapters(weights: Arrays, { rank, alpha }: Lora): Arrays {
  const merged = new Map([...weights].filter(([name]) => !isAdapter(name)));
  for (const [name, own] of merged) {
    const layer = /^(.*\.)?weight$/.exec(name)?.[1];
    const [a, b] = ["A", "B"].map((which) => weights.get(`${layer}lora_${which}.weight`)?.data);
    if (a === undefined || b === undefined || layer === undefined) continue;
    const [outputs, inputs] = own.shape as [number, number];
    const data = own.data.slice();
    const change = new Float64Array(inputs);
    for (let i = 0; i < outputs; i++) {
      change.fill(0);
      for (let k = 0; k < rank; k++) {
        const factor = b[i * rank + k]! * alpha / rank;
        for (let j = 0; j < inputs; j++) change[j]! += factor * a[k * inputs + j]!;
      }
      for (let j = 0; j < inputs; j++) data[i * inputs + j]! += change[j]!;
    }
    merged.set(name, { ...own, data });
  }
  return merged;
}
