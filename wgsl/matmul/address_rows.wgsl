// Where element (m, n) of product z lies in c, [batch, m, n], and in a bias that all products share.
// Needs: params.wgsl
fn address(z: u32, m: u32, n: u32) -> u32 { return (z * params.m + m) * params.n + n; }
fn column(_z: u32, n: u32) -> u32 { return n; }
