/** Philox4x32-10 on the host, written from the paper: what the kernels draw, for tests to expect. */
import type { RandomKey } from "../../src/tensor/random.ts";

type Four = readonly [number, number, number, number];

const high = (a: number, b: number) => Number(BigInt(a) * BigInt(b) >> 32n);
const low = (a: number, b: number) => Math.imul(a, b) >>> 0;

export function philox(counter: Four, key: readonly [number, number]): Four {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    [c0, c1, c2, c3] = [
      (high(0xcd9e8d57, c2) ^ c1 ^ k0) >>> 0,
      low(0xcd9e8d57, c2),
      (high(0xd2511f53, c0) ^ c3 ^ k1) >>> 0,
      low(0xd2511f53, c0),
    ];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** 1 where dropout keeps element `first` + i, else 0; `first` is a multiple of 4. */
export function keepMask(count: number, probability: number, key: RandomKey, first = 0): Uint8Array {
  const mask = new Uint8Array(count);
  for (let i = 0; i < count; i += 4) {
    const draws = philox([(first + i) / 4, 0, key.layer, key.step], [key.key0, key.key1]);
    for (let j = 0; j < Math.min(4, count - i); j++) mask[i + j] = Number(draws[j]! / 2 ** 32 >= probability);
  }
  return mask;
}
