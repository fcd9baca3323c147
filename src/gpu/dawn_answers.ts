/**
 * How often Dawn looks for answers of the device. It has no thread to tell of them: as long as one is owed it calls
 * `setImmediate` over and over, some ten thousand times a second, on a core that a software adapter could use. Each time it
 * hands over a new function, and Deno keeps a list of these, which it searches for every one that is collected: that takes
 * minutes where a wait took seconds.
 */

/** Methods whose answers come later. */
const LATER = {
  GPU: ["requestAdapter"],
  GPUAdapter: ["requestDevice"],
  GPUBuffer: ["mapAsync"],
  GPUDevice: ["createComputePipelineAsync", "popErrorScope"],
  GPUQueue: ["onSubmittedWorkDone"],
  GPUShaderModule: ["getCompilationInfo"],
} as const;

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Milliseconds in which Dawn may look as often as it likes. */
const EAGER = 1;
/** Afterwards, what may pass between two looks: a part of the time that has passed already, and milliseconds at most. */
const PART = 1 / 8;
const LONGEST = 10;

/** When an answer was asked for last. */
let asked = 0;

const paced = new WeakSet<object>();

/** Has the classes of the package `webgpu` look for answers the more rarely the longer they take. */
export function paceAnswers(classes: Readonly<Record<string, unknown>>): void {
  if (paced.has(classes)) return;
  paced.add(classes);
  for (const [name, methods] of Object.entries(LATER)) {
    const { prototype } = classes[name] as { prototype: Record<string, Method> };
    for (const method of methods) {
      const own = prototype[method]!;
      prototype[method] = function (...args) {
        asked = performance.now();
        return withPace(() => own.apply(this, args));
      };
    }
  }
}

/** Whatever `call` asks `setImmediate` for comes in due time; nobody else's calls do, for they are not made meanwhile. */
function withPace<T>(call: () => T): T {
  const { setImmediate } = globalThis;
  const look = (poll: () => void) => {
    const waited = performance.now() - asked;
    const next = () => withPace(poll);
    return waited < EAGER ? setImmediate(next) : setTimeout(next, Math.min(waited * PART, LONGEST));
  };
  globalThis.setImmediate = look as typeof setImmediate;
  try {
    return call();
  } finally {
    globalThis.setImmediate = setImmediate;
  }
}
