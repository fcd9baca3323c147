/** Scopes own the tensors made in them and free them at their end, except those returned. */

/** A tensor, as far as scopes know it. */
export interface Resource {
  /** Adds one holder. */
  retain(): this;
  /** Takes one holder away; with the last, the memory is freed. */
  dispose(): void;
}

/** A value that a scope may return: the tensors in it, however nested, outlive the scope. */
export type Kept = Resource | null | undefined | void | number | boolean | string | readonly Kept[] | {
  readonly [name: string]: Kept;
};

let current: Set<Resource> | undefined;

/** Must be called for every new tensor. */
export function track(tensor: Resource): void {
  current?.add(tensor);
}

/**
 * Runs `body` and frees the tensors made in it; those it returns pass to the scope around, or to the caller.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { add, full, Gpu, scope } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = scope(() => {
 *   const x = full(gpu, [3], 1); // freed at the end of the scope
 *   return add(x, x);
 * });
 * assert.deepEqual(await y.read(), Float32Array.of(2, 2, 2));
 * y.dispose();
 * assert.equal(gpu.memory.live, 0);
 * gpu.destroy();
 * ```
 */
export function scope<T extends Kept>(body: () => T): T {
  const outer = current;
  const [result, made] = collect(body);
  for (const tensor of tensorsIn(result)) {
    if (made.delete(tensor)) outer?.add(tensor);
  }
  for (const tensor of made) tensor.dispose();
  return result;
}

/** Like `scope`, but the caller holds every tensor returned, made inside or not, and must dispose each. */
export function capture<T extends Kept>(body: () => T): T {
  const [result, made] = collect(body);
  for (const tensor of tensorsIn(result)) {
    if (!made.delete(tensor)) tensor.retain();
  }
  for (const tensor of made) tensor.dispose();
  return result;
}

/** Takes a tensor out of the current scope: the caller disposes it. */
export function keep<T extends Resource>(tensor: T): T {
  current?.delete(tensor);
  return tensor;
}

/** Gives the caller's hold on a tensor to the current scope, if there is one. */
export function adopt<T extends Resource>(tensor: T): T {
  if (current?.has(tensor)) tensor.dispose();
  else current?.add(tensor);
  return tensor;
}

function collect<T>(body: () => T): [T, Set<Resource>] {
  const outer = current;
  const made = current = new Set<Resource>();
  try {
    return [body(), made];
  } catch (error) {
    for (const tensor of made) tensor.dispose();
    throw error;
  } finally {
    current = outer;
  }
}

function* tensorsIn(value: Kept): Generator<Resource> {
  if (value === null || typeof value !== "object") return;
  if (isTensor(value)) yield value;
  else for (const part of Object.values(value) as Kept[]) yield* tensorsIn(part);
}

function isTensor(value: object): value is Resource {
  return "retain" in value && "dispose" in value;
}
