// Slices of tiles.wgsl in f32, whatever the operands are: their products are added to the sums one after the other.
alias Slice = f32;
fn start_slice(sums: Sums) -> SliceSums { return SliceSums(sums.c00, sums.c01, sums.c10, sums.c11); }
fn end_slice(_sums: Sums, slice: SliceSums) -> Sums { return Sums(slice.c00, slice.c01, slice.c10, slice.c11); }

// For tile_sums_rows.wgsl, what a strip along k adds up to in a block of four rows: in the memory of slices that other workgroups have.
fn keep_strip(strip: u32, block: u32, sums: vec4f) { slice_a[0][strip % SLABS][strip / SLABS][block / Y][block % Y] = sums; }
fn strip_of(strip: u32, block: u32) -> vec4f { return slice_a[0][strip % SLABS][strip / SLABS][block / Y][block % Y]; }
