/** All rows of the op table, by family. */
import { attentionCases } from "./cases/attention.ts";
import { batchNormCases } from "./cases/batch_norm.ts";
import { convCases } from "./cases/conv.ts";
import { dropoutCases } from "./cases/dropout.ts";
import { imageCases } from "./cases/image.ts";
import { indexingCases } from "./cases/indexing.ts";
import { lossCases } from "./cases/losses.ts";
import { matmulCases } from "./cases/matmul.ts";
import { pointwiseCases } from "./cases/pointwise.ts";
import { poolCases } from "./cases/pool.ts";
import { positionCases } from "./cases/positions.ts";
import { reduceCases } from "./cases/reduce.ts";
import { rowCases } from "./cases/rows.ts";
import { shapeCases } from "./cases/shape.ts";
import type { Case } from "./table.ts";

export const families: Readonly<Record<string, readonly Case[]>> = {
  pointwise: pointwiseCases,
  matmul: matmulCases,
  attention: attentionCases,
  positions: positionCases,
  reduce: reduceCases,
  shape: shapeCases,
  indexing: indexingCases,
  dropout: dropoutCases,
  image: imageCases,
  convolution: convCases,
  pooling: poolCases,
  rows: rowCases,
  batchNorm: batchNormCases,
  losses: lossCases,
};
