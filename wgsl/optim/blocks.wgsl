// Which elements of a flat array of parameters are learned, and by which group's rates. The array is cut into blocks of
// BLOCK elements, each of one parameter.
const BLOCK: u32 = 64u;
const GROUP_SHIFT: u32 = 8u; // a word of `blocks` is group << GROUP_SHIFT | learned elements, which come first

@group(0) @binding(1) var<storage, read> blocks: array<u32>;

// The word of the block that a vec4 of the array lies in.
fn block_at(vector: u32) -> u32 { return blocks[vector / (BLOCK / 4u)]; }

fn group_of(block: u32) -> u32 { return block >> GROUP_SHIFT; }

// How many of a vec4's elements are learned; more than four count as all four.
fn learned(vector: u32, block: u32) -> u32 {
  let at = 4u * (vector % (BLOCK / 4u));
  return max(block & ((1u << GROUP_SHIFT) - 1u), at) - at;
}
