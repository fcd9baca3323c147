/** The side of a library: a process of its own, which works when it is told to. Talks in lines of JSON. */
import { stdin } from "node:process";
import { createInterface } from "node:readline";
import { FULL, type Library, MLP_STEPS, SMALL, Unsupported, type WorkName } from "./work.ts";

/** What such a process says: first `ready`, its results lying in the folder it was given, then one time for each round. */
export type Answer =
  | { readonly kind: "ready"; readonly adapter: string; readonly results: readonly string[] }
  | { readonly kind: "round"; readonly milliseconds: number }
  | { readonly kind: "unsupported" | "failed"; readonly reason: string };

/** How many calls to make before waiting. */
export interface Question {
  readonly calls: number;
}

/**
 * Runs `library` by the arguments WORK FOLDER full|small: does the work, writes what it gave into files of the folder,
 * raw f32, and answers questions until there are no more.
 */
export async function serve(library: Library): Promise<void> {
  const [name, folder, size] = Deno.args as [WorkName, string, string];
  // Standard output is for answers; libraries print what they like.
  console.log = console.info = console.debug = console.error;
  const adapter = watchDevices();
  try {
    const task = await library(name, size === "small" ? SMALL : FULL);
    for (let i = 0; i < (name === "mlp" ? MLP_STEPS : 1); i++) await task.run();
    await task.finish();
    const results = await task.results();
    for (const [key, values] of Object.entries(results)) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      await Deno.writeFile(`${folder}/${key}`, bytes as Uint8Array<ArrayBuffer>);
    }
    adapter.throwError();
    answer({ kind: "ready", adapter: adapter.name, results: Object.keys(results) });
    for await (const line of createInterface({ input: stdin })) {
      const { calls } = JSON.parse(line) as Question;
      const start = performance.now();
      for (let i = 0; i < calls; i++) await task.run();
      await task.finish();
      const milliseconds = performance.now() - start;
      adapter.throwError();
      answer({ kind: "round", milliseconds });
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(error);
    answer({ kind: error instanceof Unsupported ? "unsupported" : "failed", reason: reason.split("\n")[0]! });
  }
  Deno.exit();
}

function answer(what: Answer): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(what)}\n`));
}

/**
 * Names the adapter of the devices that are opened from now on, and keeps the first error: not every library listens,
 * and work that a device has refused takes no time.
 */
function watchDevices() {
  let name = "none";
  let message: string | undefined;
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    name = this.info.description || this.info.device || this.info.vendor;
    device.addEventListener(
      "uncapturederror",
      (event) => message ??= (event as GPUUncapturedErrorEvent).error.message,
    );
    return device;
  };
  return {
    get name() {
      return name;
    },
    throwError() {
      if (message !== undefined) {
        throw new Error(`The device reported an error: ${message}`);
      }
    },
  };
}
