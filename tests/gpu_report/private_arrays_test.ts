/** Which arrays of a lane are indexed at run time, read from WGSL. */
import assert from "node:assert/strict";
import { privateArrays, valueOf } from "../../scripts/gpu_report/private_arrays.ts";

const body = (...lines: string[]) => `@compute @workgroup_size(64)\nfn main() {\n  ${lines.join("\n  ")}\n}`;
const cases: readonly (readonly [name: string, code: string, found: readonly string[]])[] = [
  ["indexed by a variable", body("var y: array<vec4f, 8>;", "y[i] = x;"), ["main.y"]],
  ["indexed by literals", body("var y: array<vec4f, 8>;", "y[0] = x;", "y[1u] += y[7];"), []],
  ["indexed by constants", `const LAST: u32 = 7;\n${body("var y: array<f32, 8>;", "y[LAST - 1u] = x;")}`, []],
  ["of an inner index", body("var y: array<mat4x4f, 4>;", "y[0][i] = x;"), ["main.y"]],
  ["with its first value", body("var y = array<f32, 2>(0.0, 1.0);", "return y[i & 1u];"), ["main.y"]],
  ["by an alias", `alias Row = array<vec4f, 8>;\n${body("var y: Row;", "y[a[0]] = x;")}`, ["main.y"]],
  ["of one element", `const N: u32 = 1u;\n${body("var y: array<vec4f, N>;", "y[i] = x;")}`, []],
  ["a vector", body("var y: vec4f;", "y[i] = x;"), []],
  ["in memory of the workgroup", `var<workgroup> y: array<f32, 8>;\n${body("y[i] = x;")}`, []],
  ["private to the module", `var<private> y: array<f32, 8>;\n${body("y[i] = x;")}`, ["y"]],
  ["in a comment", body("// var y: array<f32, 8>; y[i]"), []],
  [
    "in a function that is reached",
    `fn f() -> f32 {\n  var y: array<f32, 8>;\n  return y[i];\n}\n${body("f();")}`,
    ["f.y"],
  ],
  [
    "in a function that is not",
    `fn f() -> f32 {\n  var y: array<f32, 8>;\n  return y[i];\n}\n${body("g();")}`,
    [],
  ],
  ["a member of that name", body("var y: array<f32, 8>;", "y[0] = params.y[i];"), []],
];
for (const [name, code, found] of cases) {
  Deno.test(`private arrays: ${name}`, () => assert.deepEqual(privateArrays("kernel", code, "main"), found));
}

/** Matrix units are used by way of Tint alone. */
const matrices = (size: string, ...lines: string[]) =>
  `const N: u32 = 4u;\nalias Sum = subgroup_matrix_result<f32, 8, 8>;\nalias Sums = array<Sum, ${size}>;\n` +
  "fn add(sums: ptr<function, Sums>, first: u32) {\n  (*sums)[first] = zero();\n}\n" +
  body("var sums: Sums;", ...lines);
for (
  const [name, code, found] of [
    [
      "by what a loop counts whose turns are known",
      matrices("N", "for (var n = 0u; n < N; n++) { sums[n] = zero(); }"),
      [],
    ],
    [
      "by what a loop counts to something unknown",
      matrices("N", "for (var n = 0u; n < params.n; n++) { sums[n] = zero(); }"),
      ["main.sums"],
    ],
    ["by a lane", matrices("N", "sums[lane % N] = zero();"), ["main.sums"]],
    ["by a parameter that is a lane", matrices("N", "add(&sums, lane % N);"), ["add.sums"]],
    [
      "by a parameter that is known",
      matrices("N", "for (var n = 0u; n < N; n += 2u) { add(&sums, n + 1u); }"),
      [],
    ],
    [
      "by a parameter that is known to one caller alone",
      matrices("N", "add(&sums, 1u);", "add(&sums, min(lane, 3u));"),
      ["add.sums"],
    ],
    ["of one matrix", matrices("N / 4u", "add(&sums, lane);"), []],
  ] as const
) {
  Deno.test(`private arrays of matrices: ${name}`, () =>
    assert.deepEqual(privateArrays("kernel", code, "main", "tint"), found));
}
Deno.test("private arrays: what a loop counts is unknown to drivers behind naga", () => {
  const code = matrices("N", "for (var n = 0u; n < N; n++) { sums[n] = zero(); }");
  assert.deepEqual(privateArrays("kernel", code, "main"), ["main.sums"]);
});

const constants = new Map([["WG", "64u"], ["PACKS", "192u"], ["STEPS", "(PACKS + WG - 1u) / WG"], [
  "TWICE",
  "2u * STEPS",
]]);
for (
  const [expression, value] of [
    ["4", 4],
    ["8u", 8],
    ["STEPS", 3],
    ["TWICE + 1", 7],
    ["2 * (3 + 4) - 1", 13],
    [
      "f(2)",
      undefined,
    ],
    ["OTHER", undefined],
    ["7 / 2", 3],
  ] as const
) {
  Deno.test(`private arrays: ${expression} is ${value}`, () =>
    assert.equal(valueOf(expression, constants), value));
}
