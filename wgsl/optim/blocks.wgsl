// Which elements of a flat array of parameters are learned, by which group's rates, and of which parameter. The array is
// cut into blocks of BLOCK elements, each of one parameter.
const BLOCK: u32 = 64u;
const GROUP_SHIFT: u32 = 8u;
const PARAMETER_SHIFT: u32 = 16u;

// One word a block: parameter << PARAMETER_SHIFT | group << GROUP_SHIFT | learned elements, which come first.
@group(0) @binding(1) var<storage, read> blocks: array<u32>;

// The word of the block that a pack of the array lies in.
fn block_at(pack: u32) -> u32 { return blocks[pack / (BLOCK / 4u)]; }

fn parameter_of(block: u32) -> u32 { return block >> PARAMETER_SHIFT; }
fn group_of(block: u32) -> u32 { return (block >> GROUP_SHIFT) & ((1u << (PARAMETER_SHIFT - GROUP_SHIFT)) - 1u); }

// How many of the four elements of a pack are learned; more than four count as all four.
fn learned(pack: u32, block: u32) -> u32 {
  let at = 4u * (pack % (BLOCK / 4u));
  return max(block & ((1u << GROUP_SHIFT) - 1u), at) - at;
}
