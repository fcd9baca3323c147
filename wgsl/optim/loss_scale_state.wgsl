// The places of the numbers in the state of a loss scale.
const STATE_SIZE: u32 = 8u;
const SCALE: u32 = 0u; // what the next losses are multiplied by
const GOOD: u32 = 1u; // steps since the scale changed, none of them skipped
const SKIPPED: u32 = 2u; // steps skipped in all
const WEIGHT1: u32 = 3u; // 1 - beta1^t, t steps having been taken: the first moment of a gradient that is always 1
const WEIGHT2: u32 = 4u; // 1 - beta2^t
const UNSCALE: u32 = 5u; // 1 / the scale that the gradients of this step have
const SKIP: u32 = 6u; // 1 where this step is to be skipped, else 0
const IN_ROW: u32 = 7u; // steps skipped since one was taken
