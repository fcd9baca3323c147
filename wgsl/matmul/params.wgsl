// One product of a batch is [m, k] · [k, n]. The grid starts at row m0 and matrix z0; the inner dimension is cut into
// `splits` parts of `depth`, and part s of matrix z is written to c[z · splits + s]. Strides are in elements.
struct Params { m: u32, n: u32, k: u32, m0: u32, z0: u32, splits: u32, depth: u32, stride_a: u32, stride_b: u32 }
@group(0) @binding(0) var<uniform> params: Params;
