// c + a · b for 4×4 blocks. A matrix here holds four rows of a row-major operand.
fn row(c: vec4f, a: vec4f, b: mat4x4f) -> vec4f {
  return fma(vec4f(a.w), b[3], fma(vec4f(a.z), b[2], fma(vec4f(a.y), b[1], fma(vec4f(a.x), b[0], c))));
}
fn multiply_add(c: mat4x4f, a: mat4x4f, b: mat4x4f) -> mat4x4f {
  return mat4x4f(row(c[0], a[0], b), row(c[1], a[1], b), row(c[2], a[2], b), row(c[3], a[3], b));
}
