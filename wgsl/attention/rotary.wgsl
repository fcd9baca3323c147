// Rotary positions: pairs of elements of a head, half its width apart, turn by an angle that grows with the place of a token,
//   y[j] = x[j] cos a - x[j + half] sin a,   y[j + half] = x[j + half] cos a + x[j] sin a,   j < half.
// The gradient turns back: the same with -sin a. Heads from `turned` on stay as they are.
// One invocation one pair.
// Needs: lib/grid.wgsl
alias Elem = f32;
const WG: u32 = 64u;

struct Params { count: u32, tokens: u32, heads: u32, turned: u32, half: u32, direction: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>; // [batch, tokens, heads, 2, half]
@group(0) @binding(2) var<storage, read> turns: array<f32>; // [places, 2, half]: cos a and sin a
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(WG)
fn rotary(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat_group(group, groups) * WG + lane;
  if (i >= params.count) { return; }
  let j = i % params.half;
  let row = i / params.half;
  let at = row * 2u * params.half + j;
  let turn = row / params.heads % params.tokens * 2u * params.half + j;
  let a = vec2f(f32(x[at]), f32(x[at + params.half]));
  let cosine = turns[turn];
  let sine = params.direction * turns[turn + params.half];
  let b = select(a, vec2f(a.x * cosine - a.y * sine, a.y * cosine + a.x * sine), row % params.heads < params.turned);
  y[at] = Elem(b.x);
  y[at + params.half] = Elem(b.y);
}
