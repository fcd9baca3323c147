/** What gpu.sh says of a card's goals: passed, missed, and what there was nothing to tell by. */
import assert from "node:assert/strict";
import { goalRows, type Measured } from "../scripts/bench/goals.ts";

const NOTHING: Measured = { movers: {}, step: {}, mixedStep: { byMatrixUnits: false } };
const last = (measured: Measured) => goalRows(measured).map((row) => row.slice(1).join(" "));

Deno.test("goals are told by what was measured, at their bounds", () => {
  const at = (product: number, mover: number, step: number, mixed: number): Measured => ({
    product,
    movers: { softmax: 0.9, dropout: mover },
    step: { f32: step, torch: 100 },
    mixedStep: { f16: mixed, torch: 100, byMatrixUnits: true },
  });
  assert.deepEqual(last(at(0.6, 0.7, 130, 150)), [
    "60 % pass",
    "1.30 pass",
    "1.50 pass",
    "70 % (dropout) pass",
  ]);
  assert.deepEqual(last(at(0.59, 0.69, 131, 151)), [
    "59 % miss",
    "1.31 miss",
    "1.51 miss",
    "69 % (dropout) miss",
  ]);
});

Deno.test("a goal that was not measured says why, and is neither passed nor missed", () => {
  assert.deepEqual(last(NOTHING), ["- not measured", "- no PyTorch", "- no Dawn with f16", "- not measured"]);
  const step = { torch: 100 };
  assert.equal(last({ ...NOTHING, step })[1], "- not measured");
  const found = (mixedStep: Measured["mixedStep"]) => last({ ...NOTHING, mixedStep })[2];
  assert.equal(found({ f16: 90, torch: 100, byMatrixUnits: false }), "- no matrix units");
  assert.equal(found({ f16: 90, byMatrixUnits: true }), "- no PyTorch");
});
