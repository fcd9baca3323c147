/** The op table: every op forward and backward against the float64 oracle, on shapes chosen to break it. */
import { DEFAULT_LIMITS } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { families } from "./families.ts";
import { checkCase, stepOf } from "./table.ts";

// Kernels and plans differ by the class of adapter; either class computes the same on any adapter. They differ by its limits
// too: in f32 the device has WebGPU's default ones, and refuses what is beyond them, in f16 all that the adapter has.
for (const adapterClass of ["software", "gpu"] as const) {
  for (const [family, cases] of Object.entries(families)) {
    Deno.test(`${family} ops match the oracle, forward and backward, as planned for ${adapterClass}`, async (t) => {
      const gpu = await Gpu.open("auto", { adapterClass, limits: DEFAULT_LIMITS });
      for (const row of cases) await t.step(stepOf(gpu, row, "f32", checkCase));
      gpu.destroy();
    });

    const inHalves = cases.filter(({ halves }) => halves !== undefined);
    if (inHalves.length === 0) continue;
    Deno.test(`${family} ops in f16 match the oracle, as planned for ${adapterClass}`, async (t) => {
      const gpu = await Gpu.open("auto", { adapterClass });
      for (const row of inHalves) await t.step(stepOf(gpu, row, "f16", checkCase));
      gpu.destroy();
    });
  }
}
