/** The op table: every op forward and backward against the float64 oracle, on shapes chosen to break it. */
import { openTestGpu } from "../gpu.ts";
import { pointwiseCases } from "./cases/pointwise.ts";
import { reduceCases } from "./cases/reduce.ts";
import { shapeCases } from "./cases/shape.ts";
import { indexingCases } from "./cases/indexing.ts";
import { dropoutCases } from "./cases/dropout.ts";
import { imageCases } from "./cases/image.ts";
import { rowCases } from "./cases/rows.ts";
import { lossCases } from "./cases/losses.ts";
import { checkCase } from "./table.ts";

const families = {
  pointwise: pointwiseCases,
  reduce: reduceCases,
  shape: shapeCases,
  indexing: indexingCases,
  dropout: dropoutCases,
  image: imageCases,
  rows: rowCases,
  losses: lossCases,
};

const gpu = await openTestGpu();

for (const [family, cases] of Object.entries(families)) {
  Deno.test(`${family} ops match the oracle, forward and backward`, async (t) => {
    for (const row of cases) await t.step(row.name, () => checkCase(gpu, row));
  });
}
