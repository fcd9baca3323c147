/** `unis serve` in a process of its own. */
import { processorTime } from "./processor_time.ts";
import { engineFlags } from "./task_flags.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;

export class Served {
  readonly #process: Deno.ChildProcess;
  url = "";

  /** Serves `run` on a port that is free, with more flags where some are given. */
  constructor(run: string, ...flags: string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...engineFlags("serve"), MAIN, "serve", run, "--port", "0", ...flags],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  }

  /** Waits until it listens. */
  async start(): Promise<void> {
    const reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; this.url === "";) {
      const { value, done } = await reader.read();
      if (done) throw new Error("The server ended at once");
      text += value;
      this.url = text.match(/http:\S+(?=\/)/)?.[0] ?? "";
    }
    void (async () => {
      while (!(await reader.read()).done);
    })();
  }

  /** Bytes in memory, as it says itself. */
  async memory(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(text.match(/^process_resident_memory_bytes (\d+)/m)![1]);
  }

  /** Milliseconds of processors that it has taken, as Linux tells. */
  processorTime(): number {
    return processorTime(this.#process.pid);
  }

  /** Asks it for answers. */
  post(body: BodyInit, type = "application/json"): Promise<Response> {
    return fetch(`${this.url}/predict`, { method: "POST", body, headers: { "content-type": type } });
  }

  /** Its exit status, once it has ended. */
  async end(signal: Deno.Signal): Promise<number> {
    this.#process.kill(signal);
    return (await this.#process.status).code;
  }
}
