/** From WGSL files to kernels: linking, specialising, reflection. */
import assert from "node:assert/strict";
import { defineKernel, link, readConstant, reflect, specialise } from "../../src/gpu/kernel.ts";

const source = defineKernel("example", [
  `
alias Elem = f32;
const WG: u32 = 256u;
const MASKED: bool = false;
const LANES: u32 = 8u;
const DOUBLE: u32 = 2u * WG;
struct Params { count: u32, shift: i32, scale: f32, unused: u32 }
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
@compute @workgroup_size(LANES)
fn counted(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.count) { y[id.x] = shadow(f32(params.count)); }
}
@compute @workgroup_size(64)
fn plain(@builtin(global_invocation_id) id: vec3u) {
  y[id.x] = 1.0;
}
@compute @workgroup_size(8, 8)
fn square(@builtin(local_invocation_index) lane: u32) {
  y[lane] = 1.0;
}
@compute @workgroup_size(DOUBLE)
fn computed(@builtin(local_invocation_index) lane: u32) {
  y[lane] = 1.0;
}
`,
]);

const PLAIN = { subgroup: false, textures: false };
const code = link(source, PLAIN);

Deno.test("reflect() finds the bindings an entry reaches, and no parameter or local of the same name", () => {
  const bindings = (entry: string) =>
    reflect(source.label, code, entry).bindings.map(({ name, index, type }) => [name, index, type]);
  assert.deepEqual(bindings("forward"), [["x", 1, "read-only-storage"], ["y", 2, "storage"], [
    "table",
    3,
    "texture",
  ]]);
  assert.deepEqual(bindings("scaled"), [["params", 0, "uniform"], ["y", 2, "storage"]]);
  assert.throws(() => bindings("backward"), /RangeError.*"backward" in kernel example/);
});

Deno.test("reflect() finds the parameters an entry reaches, each where the struct has it", () => {
  const params = (entry: string) => reflect(source.label, code, entry).params;
  const count = { name: "count", type: "u32", offset: 0 };
  const scale = { name: "scale", type: "f32", offset: 8 };
  assert.deepEqual(params("forward"), []);
  assert.deepEqual(params("scaled"), [scale]); // through a function
  assert.deepEqual(params("counted"), [count, scale]); // one of them twice
  assert.deepEqual(params("plain"), []);
  const shifted = `${code}fn whole(i: i32) -> i32 { return i + params.shift; }
@compute @workgroup_size(1)
fn other(@builtin(workgroup_id) id: vec3u) {
  y[id.x] = f32(whole(1)) + id.params.x;
}
`;
  assert.deepEqual(reflect("example", shifted, "other").params, [{ name: "shift", type: "i32", offset: 4 }]);
});

Deno.test("reflect() refuses params used as a whole: which fields that needs it cannot tell", () => {
  const whole = `${code}
@compute @workgroup_size(1)
fn all() {
  let p = params;
}
`;
  assert.throws(() => reflect("example", whole, "all"), /RangeError.*kernel example uses of params/);
});

Deno.test("reflect() tells the size of workgroups, where it is one number that stands in the text", () => {
  const size = (entry: string, text = code) => reflect(source.label, text, entry).workgroupSize;
  assert.equal(size("forward"), 256);
  assert.equal(size("forward", specialise("example", code, { WG: 8 })), 8);
  assert.equal(size("counted"), 8);
  assert.equal(size("plain"), 64);
  assert.equal(size("square"), undefined);
  assert.equal(size("computed"), undefined);
});

Deno.test("readConstant() reads whole numbers that stand in the text, and throws for all else", () => {
  assert.equal(readConstant(code, "WG"), 256);
  assert.equal(readConstant(code, "LANES"), 8);
  for (const name of ["DOUBLE", "MASKED", "Elem", "W", "NOTHING"]) {
    assert.throws(() => readConstant(code, name), new RegExp(`RangeError.*${name}`));
  }
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
    reflect("read", linked, "forward").bindings.map(({ name, type }) => [name, type]),
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

Deno.test("files that load single elements of products have no branches, which some drivers compile for minutes", () => {
  const folder = new URL("../../wgsl/matmul/", import.meta.url);
  for (const file of ["a_scalar.wgsl", "b_scalar.wgsl", "patches.wgsl", "a_patches.wgsl", "b_patches.wgsl"]) {
    const code = Deno.readTextFileSync(new URL(file, folder)).replaceAll(/\/\/.*/g, "");
    assert.doesNotMatch(code, /&&|\|\||\bif\b/, file);
  }
});
