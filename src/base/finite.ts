/** Whether numbers are finite, read from their bits: comparisons of floats are a poor witness of NaN. */

/** The exponent of a float32; all ones in what is infinite or NaN, and in nothing else. */
const EXPONENT = 0x7f80_0000;

/** True where no value is infinite or NaN. */
export function allFinite({ buffer, byteOffset, length }: Float32Array): boolean {
  const bits = new Uint32Array(buffer, byteOffset, length);
  for (let i = 0; i < length; i++) {
    if ((bits[i]! & EXPONENT) === EXPONENT) return false;
  }
  return true;
}
