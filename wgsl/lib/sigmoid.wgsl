// sigmoid(x) = 1 / (1 + e^-x);   the argument is clamped where the power would overflow, and 1 or 0 is exact in f32
fn sigmoid(x: vec4f) -> vec4f { return 1.0 / (1.0 + exp(clamp(-x, vec4f(-87.0), vec4f(87.0)))); }

// (x s(x))' = s + s' x = s + x s (1 - s) slope,   where s = sigmoid(g(x)) and slope = g'(x)
fn gated_grad(x: vec4f, s: vec4f, slope: vec4f) -> vec4f { return s + x * s * (1.0 - s) * slope; }
