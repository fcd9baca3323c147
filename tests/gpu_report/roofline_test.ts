/** The model of a step: what bounds a dispatch, and how dispatches add up. */
import assert from "node:assert/strict";
import type { RecordedDispatch } from "../../scripts/gpu_report/record_step.ts";
import { modelOf, quantisation, roofline } from "../../scripts/gpu_report/roofline.ts";
import { rooflineRows } from "../../scripts/gpu_report/tables.ts";

const card = { name: "a card", teraflops: 10, gigabytes: 1000, multiprocessors: 100 };
const dispatch = (operations: number, bytes: number, groups = 100, kernel = 0): RecordedDispatch => ({
  kernel,
  grid: [groups, 1, 1],
  operations,
  bytes,
  shape: "",
});
const half = () => 0.5;

Deno.test("arithmetic: operations over the peak; in the model over what the kernel reaches of it", () => {
  assert.deepEqual(modelOf(dispatch(1e9, 1e6), card, half), { ideal: 100, model: 200, bound: "arithmetic" });
});

Deno.test("memory: bytes over the bandwidth, of which four fifths can be had", () => {
  assert.deepEqual(modelOf(dispatch(1e6, 8e7), card, half), { ideal: 80, model: 100, bound: "memory" });
});

Deno.test("what is short takes as long as a launch", () => {
  assert.deepEqual(modelOf(dispatch(0, 1e6), card, half), { ideal: 1, model: 3, bound: "launch" });
});

for (
  const [groups, loss] of [[100, 1], [200, 1], [101, 2 / 1.01], [150, 4 / 3], [50, 2], [1, 100]] as const
) {
  Deno.test(`${groups} workgroups on 100 multiprocessors take ${loss.toFixed(2)} times their share`, () => {
    assert.ok(Math.abs(quantisation(dispatch(1, 1, groups), card) - loss) < 1e-12);
    assert.ok(Math.abs(modelOf(dispatch(1e9, 0, groups), card, half).model - 200 * loss) < 1e-9);
  });
}

Deno.test("groups add up to the step, and stand in the order of their times", () => {
  const dispatches = [
    dispatch(0, 8e7),
    dispatch(1e9, 0, 150, 1),
    dispatch(1e9, 0, 100, 1),
    dispatch(0, 8, 1, 2),
  ];
  const { step, groups } = roofline(dispatches, card, half, ({ kernel }) => `kernel ${kernel}`);
  assert.deepEqual(groups.map(([label]) => label), ["kernel 1", "kernel 0", "kernel 2"]);
  const [, products] = groups[0]!;
  assert.equal(products.dispatches, 2);
  assert.ok(Math.abs(products.rounded / products.operations - 7 / 6) < 1e-12);
  assert.equal(step.dispatches, 4);
  assert.equal(step.short, 1);
  for (const key of ["dispatches", "operations", "bytes", "ideal", "model", "short", "rounded"] as const) {
    const sum = groups.reduce((total, [, share]) => total + share[key], 0);
    assert.ok(Math.abs(sum - step[key]) <= 1e-9 * step[key], key);
  }
});

Deno.test("the table names what matters, adds up the rest, and ends with the step", () => {
  const many = Array.from({ length: 5 }, (_, kernel) => dispatch(0, kernel === 0 ? 8e10 : 8, 1, kernel));
  const rows = rooflineRows(roofline(many, card, half, ({ kernel }) => `kernel ${kernel}`));
  assert.deepEqual(rows.map(([name, dispatches]) => [name, dispatches]), [
    ["", "dispatches"],
    ["kernel 0", "1"],
    ["4 others", "4"],
    ["the step", "5"],
  ]);
});
