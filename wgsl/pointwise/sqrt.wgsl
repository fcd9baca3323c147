// √x,   √' x = 1 / (2 √x), which is infinite at 0
fn op(x: vec4f) -> vec4f { return sqrt(x); }
fn op_grad(x: vec4f) -> vec4f { return 0.5 / sqrt(x); }
