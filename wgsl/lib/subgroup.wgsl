// What workgroup.wgsl declares, where the lanes of a workgroup are those of one subgroup: no memory, no barriers.
const WG: u32 = 256u;
fn workgroup_sum(_lane: u32, value: f32) -> f32 { return subgroupAdd(value); }
fn workgroup_max(_lane: u32, value: f32) -> f32 { return subgroupMax(value); }
