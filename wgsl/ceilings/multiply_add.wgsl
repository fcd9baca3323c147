// As many multiply-adds as an adapter can do: each invocation keeps CHAINS chains (three vec4s, few enough for the
// registers of a processor) of a -> a b + c going, STEPS ITERATIONS long, and stores their sum, so that none is left out.
alias Elem = f32;
const WG: u32 = 64u;
const ITERATIONS: u32 = 1024u;
const CHAINS: u32 = 12u; // x0, x1 and x2 have four each
const STEPS: u32 = 16u; // lines of the loop, written out so that counting costs nothing beside them

// b and c are not known to the compiler.
struct Params { b: f32, c: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u) {
  let b = vec4<Elem>(Elem(params.b));
  let c = vec4<Elem>(Elem(params.c));
  var x0 = vec4<Elem>(Elem(id.x & 7u));
  var x1 = x0 + c;
  var x2 = x1 + c;
  for (var i = 0u; i < ITERATIONS; i++) {
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
    x0 = fma(x0, b, c); x1 = fma(x1, b, c); x2 = fma(x2, b, c);
  }
  y[id.x] = vec4f(x0 + x1 + x2);
}
