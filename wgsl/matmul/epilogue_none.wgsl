// c = a · b.   An epilogue gets four elements of a row, what `addend` gave for their column / 4 (loaded once for many rows),
// and their place in c / 4.
fn addend(column: u32) -> vec4f { return vec4f(); }
fn epilogue(value: vec4f, bias4: vec4f, i: u32) -> vec4f { return value; }
