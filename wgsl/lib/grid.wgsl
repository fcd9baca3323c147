// One index out of a grid folded into two dimensions because it exceeded the limit of one.
fn flat_group(group: vec3u, groups: vec3u) -> u32 { return group.y * groups.x + group.x; }
