/** The cores of known GPUs, which WebGPU does not tell: what runs workgroups side by side and has memory for them. */

/**
 * By names as drivers give them: streaming multiprocessors of NVIDIA, compute units of AMD, cores of Apple (the most that a
 * chip of the name has), Xe cores of Intel; from the vendors' data sheets.
 */
const CORES: Readonly<Record<string, number>> = {
  "B200": 148,
  "H200": 132,
  "H100": 132,
  "H100 PCIe": 114,
  "A100": 108,
  "A40": 84,
  "A30": 56,
  "A10": 72,
  "A10G": 72,
  "L40": 142,
  "L40S": 142,
  "L4": 58,
  "V100": 80,
  "T4": 40,
  "RTX 6000 Ada": 142,
  "RTX A6000": 84,
  "RTX 5090": 170,
  "RTX 5080": 84,
  "RTX 5070 Ti": 70,
  "RTX 5070": 48,
  "RTX 4090": 128,
  "RTX 4080 SUPER": 80,
  "RTX 4080": 76,
  "RTX 4070 Ti SUPER": 66,
  "RTX 4070 Ti": 60,
  "RTX 4070 SUPER": 56,
  "RTX 4070": 46,
  "RTX 4060 Ti": 34,
  "RTX 4060": 24,
  "RTX 3090 Ti": 84,
  "RTX 3090": 82,
  "RTX 3080 Ti": 80,
  "RTX 3080": 68,
  "RTX 3070 Ti": 48,
  "RTX 3070": 46,
  "RTX 3060 Ti": 38,
  "RTX 3060": 28,
  "RTX 2080 Ti": 68,
  "RTX 2080 SUPER": 48,
  "RTX 2080": 46,
  "RTX 2070": 36,
  "RTX 2060": 30,
  "RX 9070 XT": 64,
  "RX 9070": 56,
  "RX 7900 XTX": 96,
  "RX 7900 XT": 84,
  "RX 7800 XT": 60,
  "RX 7700 XT": 54,
  "RX 7600": 32,
  "RX 6900 XT": 80,
  "RX 6800 XT": 72,
  "RX 6800": 60,
  "RX 6700 XT": 40,
  "MI300X": 304,
  "MI210": 104,
  "MI100": 120,
  "Apple M1": 8,
  "Apple M1 Pro": 16,
  "Apple M1 Max": 32,
  "Apple M1 Ultra": 64,
  "Apple M2": 10,
  "Apple M2 Pro": 19,
  "Apple M2 Max": 38,
  "Apple M2 Ultra": 76,
  "Apple M3": 10,
  "Apple M3 Pro": 18,
  "Apple M3 Max": 40,
  "Apple M4": 10,
  "Apple M4 Pro": 20,
  "Apple M4 Max": 40,
  "Arc A770": 32,
  "Arc A750": 28,
  "Arc B580": 20,
};

/** The longest first, so that "RTX 4070 Ti" is not taken for an "RTX 4070". */
const PATTERNS = Object.entries(CORES)
  .sort(([a], [b]) => b.length - a.length)
  .map(([name, cores]) =>
    [new RegExp(`(?<!\\w)${name.replaceAll(" ", "(?:\\(tm\\))? ")}(?!\\w)`, "i"), cores] as const
  );

/** Chips of laptops have the names of larger ones. */
const SMALLER = /laptop|mobile|max-q/i;

/** The cores of the GPU of this name; undefined where it is not known. */
export function coresOf(name: string): number | undefined {
  if (SMALLER.test(name)) return undefined;
  return PATTERNS.find(([pattern]) => pattern.test(name))?.[1];
}
