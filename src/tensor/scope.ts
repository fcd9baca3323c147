/** Scopes own the tensors made in them and free them at their end, but for those returned. */

/** What a scope owns: a tensor. */
export interface Resource {
  /** Adds a holder. */
  retain(): this;
  /** Takes one away; with the last, the memory is freed. */
  dispose(): void;
}

/** What a scope may return: its tensors, however nested, outlive it. */
export type Kept = Resource | null | undefined | void | number | boolean | string | readonly Kept[] | {
  readonly [name: string]: Kept;
};

let current: Set<Resource> | undefined;

/** Called for every new tensor. */
export function track(tensor: Resource): void {
  current?.add(tensor);
}

/** Runs `body`; afterwards frees what it made, but what it returns passes to the scope around, or to the caller. */
export function scope<T extends Kept>(body: () => T): T {
  const outer = current;
  const [result, made] = collect(body);
  for (const tensor of tensorsIn(result)) {
    if (made.delete(tensor)) outer?.add(tensor);
  }
  for (const tensor of made) tensor.dispose();
  return result;
}

/** As `scope`, but the caller becomes a holder of every tensor returned, made inside or not, and must dispose each. */
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
