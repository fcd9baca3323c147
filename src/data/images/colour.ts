/** Colours as configurations write them. */

/** `white`, `black`, or `#` and six hexadecimal digits: red, green, blue. */
export type Colour = string;

export const COLOUR_PATTERN = /^(?:white|black|#[0-9a-f]{6})$/i;

/** The bytes of a colour: red, green, blue. */
export function rgbOf(colour: Colour): [number, number, number] {
  const name = colour.toLowerCase();
  if (name === "white") return [255, 255, 255];
  if (name === "black") return [0, 0, 0];
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(name.slice(at, at + 2), 16));
  return [red!, green!, blue!];
}
