import assert from "node:assert/strict";
import { defineKernel, link, reflectBindings, reflectParams, specialise } from "../../src/gpu/kernel.ts";

const source = defineKernel("example", [
  `
alias Elem = f32;
const WG: u32 = 256u;
const MASKED: bool = false;
struct Params { count: u32, shift: i32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;
@group(0) @binding(3) var table: texture_2d<f32>;
fn helper(i: u32) -> f32 { return f32(x[i]) + textureLoad(table, vec2u(i, 0u), 0).x; }
fn shadow(x: f32) -> f32 { return params.scale * x; }
`,
  `
@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u) {
  y[id.x] = helper(id.x);
}
@compute @workgroup_size(WG)
fn scaled(@builtin(global_invocation_id) id: vec3u) {
  let table = 1.0;
  y[id.x] = shadow(table);
}
`,
]);

const PLAIN = { subgroup: false, textures: false };
const code = link(source, PLAIN);

Deno.test("reflectBindings() finds what an entry point reaches, and no parameter or local of the same name", () => {
  const bindings = (entry: string) =>
    reflectBindings(source.label, code, entry).map(({ name, index, type }) => [name, index, type]);
  assert.deepEqual(bindings("forward"), [["x", 1, "read-only-storage"], ["y", 2, "storage"], [
    "table",
    3,
    "texture",
  ]]);
  assert.deepEqual(bindings("scaled"), [["params", 0, "uniform"], ["y", 2, "storage"]]);
  assert.throws(() => bindings("backward"), /RangeError.*"backward" in kernel example/);
});

Deno.test("reflectParams() lists the fields in order", () => {
  assert.deepEqual(reflectParams(code), [
    { name: "count", type: "u32" },
    { name: "shift", type: "i32" },
    { name: "scale", type: "f32" },
  ]);
  assert.deepEqual(reflectParams("fn f() {}"), []);
});

Deno.test("specialise() rewrites declarations only, and enables f16 where it is used", () => {
  const special = specialise("example", code, { WG: 8, MASKED: true });
  assert.match(special, /^const WG: u32 = 8u;$/m);
  assert.match(special, /^const MASKED: bool = true;$/m);
  assert.match(special, /^alias Elem = f32;$/m);
  assert.ok(!special.includes("enable f16"));
  assert.ok(specialise("example", code, { Elem: "f16" }).startsWith("enable f16;\n"));
  for (const name of ["Wg", "scale", "Params", "helper"]) {
    assert.throws(() => specialise("example", code, { [name]: 1 }), new RegExp(`RangeError.*"${name}"`));
  }
});

Deno.test("link() reads arrays through textures, where the name stands for the array", () => {
  const file = `
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> places: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
fn first(x: vec4f) -> f32 { return x[0]; }
fn load(i: u32) -> vec4f { return x[places[i]] + x[u32(x[places[i + 1u]].x)]; }
@compute @workgroup_size(8)
fn forward(@builtin(global_invocation_id) id: vec3u) {
  y[id.x] = load(id.x) * first(x[id.x]) + y[x_of(id.x)];
}
fn x_of(i: u32) -> u32 { return i; }
`;
  const kernel = defineKernel("read", [file], ["x"]);
  const linked = link(kernel, { subgroup: false, textures: true });
  for (
    const line of [
      "@binding(1) var x: texture_2d<f32>;",
      "return x[0]; }",
      "return texel(x, places[i]) + texel(x, u32(texel(x, places[i + 1u]).x)); }",
      "y[id.x] = load(id.x) * first(texel(x, id.x)) + y[x_of(id.x)];",
    ]
  ) {
    assert.ok(linked.includes(line), line);
  }
  assert.deepEqual(
    reflectBindings("read", linked, "forward").map(({ name, type }) => [name, type]),
    [["x", "texture"], ["places", "read-only-storage"], ["y", "storage"]],
  );
  assert.equal(link(kernel, PLAIN), file);
  for (const name of ["y", "z"]) {
    assert.throws(
      () => defineKernel("read", [file], [name]),
      new RegExp(`RangeError.*"${name}".*kernel read`),
    );
  }
});

Deno.test("link() takes of a file in two versions the one for the workgroup", () => {
  const sum = { workgroup: "fn sum() -> f32 { return 1.0; }", subgroup: "fn sum() -> f32 { return 2.0; }" };
  const kernel = defineKernel("versions", ["// a", sum]);
  assert.equal(link(kernel, PLAIN), `// a\n${sum.workgroup}`);
  assert.equal(link(kernel, { ...PLAIN, subgroup: true }), `// a\n${sum.subgroup}`);
});
