// The functions of workgroup.wgsl, for workgroups that are one subgroup: they need no memory and no barriers.
const WG: u32 = 256u;
fn workgroup_sum(_lane: u32, value: f32) -> f32 { return subgroupAdd(value); }
fn workgroup_max(_lane: u32, value: f32) -> f32 { return subgroupMax(value); }
