// c[z] = epilogue(Σ_s parts[z, s]): the end of a product whose inner dimension was cut into parts, each computed into an
// array of its own. Parts are summed in their order. One invocation computes four elements of a row.
// Needs: params.wgsl, c_vec4.wgsl or c_scalar.wgsl, an address_*.wgsl, an epilogue_*.wgsl, a join_sums_*.wgsl, lib/grid.wgsl
const WG: u32 = 64u;

@compute @workgroup_size(WG)
fn join(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = flat_group(group, groups) * WG + lane;
  let width = (params.n + 3u) / 4u;
  let z = id / width / params.m;
  if (z >= params.batch) {
    join_sums(id - params.batch * params.m * width);
    return;
  }
  let m = id / width % params.m;
  let n = id % width * 4u;
  var total = vec4f();
  for (var s = 0u; s < params.splits; s++) {
    total += load_part(((z * params.splits + s) * params.m + m) * params.n + n);
  }
  store_row(z, m, n, total, addend(column(z, n) / 4u));
}
