/** The stack machine that pickles are programs for, and the values that it holds. */
import { TorchFault } from "./fault.ts";
import type { PickleInput } from "./pickle_input.ts";

const MAX_MARKS = 1000;

/** A tuple. Lists are arrays, texts strings, None null, and bytes a Uint8Array. */
export class Tuple {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** A dict of any kind; its table is made with the first entry, for most of a file's are empty. */
export class Dict {
  #entries: Map<unknown, unknown> | undefined;
  get entries(): ReadonlyMap<unknown, unknown> {
    return this.#entries ?? NONE;
  }
  set(key: unknown, value: unknown): void {
    (this.#entries ??= new Map()).set(key, value);
  }
}

const NONE: ReadonlyMap<unknown, unknown> = new Map();

/** Something beside the tensors that is stepped over: whatever is done to it changes nothing. */
export class Inert {}

/** What a name stands for; `call` makes what Python would make by calling it. */
export interface Global {
  readonly name: string;
  readonly call?: (args: readonly unknown[]) => unknown;
}

/** What the names and the outer objects of a pickle are to whoever reads it. Both throw a TorchFault for what is unknown. */
export interface PickleWorld {
  global(module: string, name: string): Global;
  persistent(id: unknown): unknown;
}

export class Machine {
  readonly input: PickleInput;
  readonly world: PickleWorld;
  readonly memo = new Map<number, unknown>();
  stopped = false;
  readonly #stack: unknown[] = [];
  /** Heights of the stack at the marks. */
  readonly #marks: number[] = [];

  constructor(input: PickleInput, world: PickleWorld) {
    this.input = input;
    this.world = world;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  /** What lies on top, and above the last mark. */
  top(): unknown {
    return this.#stack[this.#below(1)];
  }

  pop(): unknown {
    this.#below(1);
    return this.#stack.pop();
  }

  /** The last `count` values. */
  popMany(count: number): unknown[] {
    return this.#stack.splice(this.#below(count));
  }

  mark(): void {
    if (this.#marks.length === MAX_MARKS) {
      throw new TorchFault(`its pickle nests deeper than ${MAX_MARKS} marks`);
    }
    this.#marks.push(this.#stack.length);
  }

  /** All above the last mark, and the mark. */
  popMark(): unknown[] {
    const height = this.#marks.pop();
    if (height === undefined) throw new TorchFault("its pickle takes to a mark that it never set");
    return this.#stack.splice(height);
  }

  get(index: number): void {
    if (!this.memo.has(index)) {
      throw new TorchFault(`its pickle takes ${index} from its memo, where nothing is`);
    }
    this.push(this.memo.get(index));
  }

  put(index: number): void {
    this.memo.set(index, this.top());
  }
  /** The height below the last `count` values, which must all be above the last mark. */
  #below(count: number): number {
    const height = this.#stack.length - count;
    if (height < (this.#marks.at(-1) ?? 0)) throw new TorchFault("its pickle takes from an empty stack");
    return height;
  }
}
