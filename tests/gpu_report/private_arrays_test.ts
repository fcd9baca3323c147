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
