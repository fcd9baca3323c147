/** The precision of a run and of its evaluation, by what the adapter can do. */
import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { mustHavePrecision, withPossiblePrecision } from "../../src/train/precision.ts";
import { tinyConfig } from "./tiny.ts";

const adapter = (...features: string[]) =>
  ({ name: "an adapter", features: new Set(features) }) as unknown as Gpu;
const [single, half] = [tinyConfig(), tinyConfig("training.precision=f16")];

Deno.test("training in f16 is refused where the adapter lacks it, evaluation is then done in f32", () => {
  assert.equal(single.training.precision, "f32");
  for (const config of [single, half]) mustHavePrecision(adapter("shader-f16"), config);
  mustHavePrecision(adapter(), single);
  assert.throws(
    () => mustHavePrecision(adapter(), half),
    /UserError: "training.precision" is f16, which the adapter "an adapter" cannot do.*--precision f32/,
  );
  assert.equal(withPossiblePrecision(adapter("shader-f16"), half), half);
  assert.deepEqual(withPossiblePrecision(adapter(), half), single);
});

Deno.test("a precision that does not exist is refused", () => {
  assert.throws(() => tinyConfig("training.precision=bf16"), /UserError: .*"training.precision"/);
});
