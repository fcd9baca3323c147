/** The side of the table: a library at work in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { env } from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Answer, Question } from "./serve.ts";
import { SCALES, type WorkName } from "./work.ts";

export interface ProcessOptions {
  readonly size: "full" | "small";
  /** Whether what the library prints is shown. */
  readonly debug: boolean;
}

/** Where results lie, until this program ends in whatever way. */
const RESULTS = Deno.makeTempDirSync({ prefix: "unis-peers-" });
addEventListener("unload", () => Deno.removeSync(RESULTS, { recursive: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => Deno.exit(1));

export class Process {
  readonly #folder = Deno.makeTempDirSync({ dir: RESULTS });
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  /** Starts `script`, a file of this folder, for one kind of work. */
  constructor(script: string, work: WorkName, { size, debug }: ProcessOptions) {
    const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
    const run = ["run", "-A", "--config", path("deno.json"), path(script)];
    this.#child = spawn(Deno.execPath(), [...run, work, this.#folder, size], {
      stdio: ["pipe", "pipe", debug ? "inherit" : "ignore"],
      // OpenGL would otherwise stand in silently for a missing Vulkan.
      env: { DENO_WEBGPU_BACKEND: "vulkan,metal,dx12", ...env },
    });
    this.#child.stdin!.on("error", () => {}); // a process that has ended says so where it should answer
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** What the process says first, or next. */
  async answer(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    return done ? { kind: "failed", reason: "its process ended; --debug may show why" } : JSON.parse(value);
  }

  /** Milliseconds that so many calls took, waited for once. */
  async round(calls: number): Promise<number> {
    this.#child.stdin!.write(`${JSON.stringify({ calls } satisfies Question)}\n`);
    const answer = await this.answer();
    if (answer.kind === "ready") throw new Error("it spoke out of turn");
    if (answer.kind !== "round") throw new Error(answer.reason);
    return answer.milliseconds;
  }

  /** One of the results it has announced. */
  result(name: string): Float32Array {
    return new Float32Array(Deno.readFileSync(`${this.#folder}/${name}`).buffer);
  }

  async end(): Promise<void> {
    this.#child.stdin!.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, "exit");
    }
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** The largest distance between what two processes gave, each result as a share of its largest expected value. */
export function difference(results: readonly string[], given: Process, expected: Process): number {
  return Math.max(...results.map((name) => {
    const [a, b] = [given.result(name), expected.result(name)];
    if (a.length !== b.length) {
      throw new Error(`its ${name} has ${a.length} values, ours ${b.length}`);
    }
    const scale = largest(expected.result(SCALES[name] ?? name));
    return largest(a.map((value, i) => value - b[i]!)) / scale;
  }));
}

/** The largest absolute value; NaN where there is one. */
function largest(values: Float32Array): number {
  let size = 0;
  for (const value of values) {
    const absolute = Math.abs(value);
    if (!(absolute <= size)) size = absolute;
    if (Number.isNaN(size)) break;
  }
  return size;
}
