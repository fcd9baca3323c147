/**
 * What drivers print, read. The listings are Mesa 26.1.6's, of `sum = fma(a, a, sum)` over vec4f in a loop: see the last lines of
 * each for its figures.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { honeykrisp } from "../../scripts/gpu_report/drivers/honeykrisp.ts";
import { nvk } from "../../scripts/gpu_report/drivers/nvk.ts";
import { radv } from "../../scripts/gpu_report/drivers/radv.ts";
import { type Block, loopsOf, sharesOf } from "../../scripts/gpu_report/figures.ts";

const read = (name: string) =>
  Deno.readTextFileSync(join(import.meta.dirname!, "../fixtures/gpu_report", name));

Deno.test("RADV: figures, and four multiply-adds among the 22 instructions of the loop", () => {
  const { shares, ...figures } = radv.read(read("radv.txt"));
  assert.deepEqual(figures, { registers: 12, spills: 0, scratch: 0, occupancy: 32, instructions: 40 });
  assert.deepEqual(shares, { kernel: 4 / 43, loops: 4 / 22, innermost: 4 / 22 });
});

Deno.test("NVK: figures, and four multiply-adds in the loop of the last listing", () => {
  const { shares, ...figures } = nvk.read(read("nvk.txt"));
  assert.deepEqual(figures, { registers: 24, spills: 0, scratch: 0, occupancy: 32, instructions: 69 });
  assert.deepEqual(shares, { kernel: 4 / 69, loops: 4 / 43, innermost: 4 / 43 });
});

Deno.test("HoneyKrisp: figures, registers counted in halves", () => {
  const line =
    "CS shader: 2223 instrs, 1710 alu, 1710 fscib, 364 ic, 16310 code size, 255 gprs, 142 uniforms, " +
    "80 scratch, 384 threads, 3 loops, 32:40 spills:fills, 76 preamble inst\n";
  const expected = { registers: 128, spills: 32, scratch: 80, occupancy: 12, instructions: 2223 };
  assert.deepEqual(honeykrisp.read(`something else\n${line}`), expected);
});

Deno.test("spills and scratch are read where they are, by RADV of an attention kernel", () => {
  const stats = read("radv.txt").replace("Spilled VGPRs: 0", "Spilled VGPRs: 351").replace(
    "Scratch size: 0",
    "Scratch size: 10240",
  );
  const { spills, scratch } = radv.read(stats);
  assert.deepEqual({ spills, scratch }, { spills: 351, scratch: 10240 });
});

for (const [name, driver] of Object.entries({ radv, nvk, honeykrisp })) {
  Deno.test(`${name}: what is not its print is an error`, () => {
    assert.throws(() => driver.read("MESA: warning\n"), /The driver printed no/);
  });
}

const instructions: readonly (readonly [line: string, multiplyAdds: number])[] = [
  ["v_fmac_f32_e32 v4, v8, v8", 1],
  ["v_fma_f32 v4, v8, v8, v4", 1],
  ["v_fma_mix_f32 v4, v8, v8, v4 op_sel_hi:[1,0,0]", 1],
  ["v_pk_fma_f16 v4, v8, v8, v4", 2],
  ["v_dual_fmac_f32 v4, v8, v8 :: v_dual_fmac_f32 v5, v9, v9", 2],
  ["v_dual_fmac_f32 v4, v8, v8 :: v_dual_mov_b32 v5, v9", 1],
  ["v_dual_mul_f32 v4, v8, v8 :: v_dual_add_f32 v5, v9, v9", 0],
  ["v_mad_u64_u32 v[0:1], null, v2, v3, v[4:5]", 0],
  ["v_mul_f32_e32 v4, v8, v8", 0],
  ["v_mac_f32_e32 v4, v8, v8", 1],
  ["v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]", 128],
  ["v_wmma_i32_16x16x16_iu8 v[0:7], v[8:11], v[16:19], v[0:7]", 0],
];
for (const [line, multiplyAdds] of instructions) {
  Deno.test(`RADV: ${multiplyAdds} multiply-adds in ${line}`, () => {
    const printed = read("radv.txt").replace("v_fmac_f32_e32 v4, v8, v8 ", `${line} `);
    assert.equal(Math.round(radv.read(printed).shares!.kernel * 43), 3 + multiplyAdds);
  });
}

const blocks = (...successors: number[][]): Block[] =>
  successors.map((next) => ({ instructions: 10, multiplyAdds: 1, successors: next }));
const flows: readonly (readonly [name: string, flow: Block[], loops: Record<number, number[]>])[] = [
  ["no loop", blocks([1], [2], []), {}],
  ["a loop of one block", blocks([1], [1, 2], []), { 1: [1] }],
  ["a loop entered at its test, which stands last", blocks([2], [2], [1, 3], []), { 2: [1, 2] }],
  ["a loop in a loop", blocks([1], [2], [2, 3], [1, 4], []), { 1: [1, 2, 3], 2: [2] }],
  ["a block that stands late and is no loop", blocks([2], [3], [1], []), {}],
  ["a way around within a loop", blocks([1], [2, 3], [4], [4], [1, 5], []), { 1: [1, 2, 3, 4] }],
];
for (const [name, flow, loops] of flows) {
  Deno.test(`loops: ${name}`, () => {
    const found = [...loopsOf(flow)].map(([head, body]) => [head, [...body].sort()]);
    assert.deepEqual(Object.fromEntries(found), loops);
  });
}

Deno.test("shares: of the innermost loops with multiply-adds, of all such loops, of all", () => {
  const flow: Block[] = [
    { instructions: 70, multiplyAdds: 0, successors: [1] },
    { instructions: 20, multiplyAdds: 2, successors: [2] },
    { instructions: 10, multiplyAdds: 8, successors: [2, 3] },
    { instructions: 10, multiplyAdds: 0, successors: [3, 4] }, // a loop that has none
    { instructions: 10, multiplyAdds: 0, successors: [1, 5] },
    { instructions: 5, multiplyAdds: 0, successors: [] },
  ];
  assert.deepEqual(sharesOf(flow), { kernel: 10 / 125, loops: 10 / 50, innermost: 8 / 10 });
});

Deno.test("shares: a loop that only stores results does not count among those that compute them", () => {
  const flow = (stores: number): Block[] => [
    { instructions: 10, multiplyAdds: 0, successors: [1] },
    { instructions: 200, multiplyAdds: 150, successors: [1, 2] },
    { instructions: 300, multiplyAdds: stores, successors: [2, 3] },
    { instructions: 1, multiplyAdds: 0, successors: [] },
  ];
  assert.equal(sharesOf(flow(14)).loops, 150 / 200);
  assert.equal(sharesOf(flow(14)).innermost, 150 / 200);
  assert.equal(sharesOf(flow(15)).loops, 165 / 500);
  assert.equal(sharesOf(flow(0).map((block) => ({ ...block, multiplyAdds: 0 }))).loops, undefined);
});
