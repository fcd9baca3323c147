/** What PyTorch made of tiny models (scripts/fixtures/parity.py), and how close to it is close enough. */
import assert from "node:assert/strict";
import { openSafetensors } from "../../src/io/safetensors.ts";
import type { Parameters } from "../../src/nn/parameters.ts";
import { readTensors, type Tensor } from "../../src/tensor/tensor.ts";
import summary from "../fixtures/parity.json" with { type: "json" };

export { summary };

const folder = new URL("../fixtures/", import.meta.url).pathname;

/** The tensors of one fixture, by name. */
export class Fixture {
  readonly #file;

  constructor(name: string) {
    this.#file = openSafetensors(`${folder}${name}.safetensors`);
  }

  has(name: string): boolean {
    return this.#file.tensors.has(name);
  }

  floats(name: string): Float32Array<ArrayBuffer> {
    return this.#file.readFloat32(name);
  }

  /** Whole numbers, none negative. */
  words(name: string): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(this.#file.readTyped(name) as ArrayLike<number | bigint>, Number);
  }

  bytes(name: string): Uint8Array<ArrayBuffer> {
    return this.#file.readBytes(name);
  }

  shape(name: string): readonly number[] {
    return this.#file.tensors.get(name)!.shape;
  }

  /** Gives every parameter the fixture's weights of that name; there must be no other weights under `prefixes`. */
  load(parameters: Parameters, prefixes: readonly string[]): void {
    const names = [...this.#file.tensors.keys()].filter((name) => prefixes.some((p) => name.startsWith(p)));
    assert.deepEqual([...parameters].map(({ name }) => name).sort(), names.sort());
    for (const { name, shape } of parameters) {
      assert.deepEqual([...shape], [...this.shape(name)], name);
      parameters.write(name, this.floats(name));
    }
  }

  close(): void {
    this.#file.close();
  }
}

/** The allowed error, relative to the largest magnitude expected. */
const TOLERANCE = 1e-4;

/** Fails where `actual` is further from `expected` than TOLERANCE of `scale`, the largest magnitude if not given. */
export function assertClose(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  scale = largest(expected),
): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= worst)) worst = error;
  }
  const relative = worst / scale;
  assert.ok(relative <= TOLERANCE, `${what} is off by ${relative.toExponential(1)}`);
}

export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

/** The name of a query's bias for that of its key's, and else the name itself. */
export const queryOf = (name: string) => name.replace(/\.(pos_)?key(_proj)?\.bias$/, ".$1query$2.bias");

/**
 * Compares every parameter's gradient with the fixture's. A key's bias has none in theory (softmax does not see a
 * constant), so there is only rounding to compare: it is held against the gradient of the query's bias. `nameThere` gives
 * the fixture's name of a parameter.
 */
export async function assertGradients(
  parameters: Parameters,
  fixture: Fixture,
  nameThere = (name: string) => name,
): Promise<void> {
  const all = [...parameters];
  const grads = await readTensors(all.map(({ grad }) => grad));
  for (const [i, { name }] of all.entries()) {
    const expected = fixture.floats(`grad.${nameThere(name)}`);
    const yardstick = fixture.floats(`grad.${nameThere(queryOf(name))}`);
    assertClose(`the gradient of ${name}`, grads[i]!, expected, largest(yardstick));
  }
}

/** Reads named tensors through one wait. */
export async function readAll<K extends string>(
  tensors: Readonly<Record<K, Tensor>>,
): Promise<Record<K, Float32Array | Uint32Array>> {
  const names = Object.keys(tensors) as K[];
  const arrays = await readTensors(names.map((name) => tensors[name]));
  return Object.fromEntries(names.map((name, i) => [name, arrays[i]])) as Record<
    K,
    Float32Array | Uint32Array
  >;
}
