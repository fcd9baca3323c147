// The places of the numbers in the state of a measurement of noise.
const NOISE_STATE_SIZE: u32 = 6u;
const SIGNAL: u32 = 0u; // the average of |G|^2, beginning at 0, as that of tr(S) does: their ratio needs no correction
const NOISE: u32 = 1u;
const FIRST_SQUARE: u32 = 2u; // of the step under way
const FIRST_SIZE: u32 = 3u;
const WEIGHT: u32 = 4u;
const SIZE: u32 = 5u;
