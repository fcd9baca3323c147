// The number of a workgroup: grids beyond the limit of one dimension are folded into two.
fn flat_group(group: vec3u, groups: vec3u) -> u32 { return group.y * groups.x + group.x; }
