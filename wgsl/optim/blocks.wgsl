// Flat arrays of parameters in blocks of 64 elements, each of one parameter.

// For every block: the elements that are learned, from its front (0 to 64), and above those 8 bits their group.
@group(0) @binding(1) var<storage, read> blocks: array<u32>;

// How many of the elements from 4 vector on are learned; more than four count as all four.
fn learned(vector: u32, block: u32) -> u32 {
  let at = 4u * (vector % 16u);
  return max(block & 0xffu, at) - at;
}
