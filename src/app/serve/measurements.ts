/** Counts and times what a server does, for Prometheus. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export class Measurements {
  readonly #registry = new Registry();
  readonly #requests: Counter<"path" | "status">;
  readonly #seconds: Histogram<"path">;
  readonly #batches: Histogram;
  readonly #samples: Counter;

  /** `open` counts the samples that wait or are computed. */
  constructor(open: () => number) {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "unis_requests_total",
      help: "Requests by path and status.",
      labelNames: ["path", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "unis_request_seconds",
      help: "From the arrival of a request to its answer.",
      labelNames: ["path"],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#batches = new Histogram({
      name: "unis_batch_samples",
      help: "Samples that were computed together.",
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    });
    this.#samples = new Counter({ name: "unis_samples_total", help: "Samples answered.", registers });
    new Gauge({
      name: "unis_open_samples",
      help: "Samples that wait for an answer.",
      registers,
      collect() {
        this.set(open());
      },
    });
    new Gauge({
      name: "process_resident_memory_bytes",
      help: "Memory of the process.",
      registers,
      collect() {
        this.set(Deno.memoryUsage().rss);
      },
    });
  }

  answered(path: string, status: number, seconds: number): void {
    this.#requests.inc({ path, status });
    this.#seconds.observe({ path }, seconds);
  }

  batched(size: number): void {
    this.#batches.observe(size);
    this.#samples.inc(size);
  }

  /** The text format of Prometheus, and its content type. */
  async text(): Promise<{ body: string; type: string }> {
    return { body: await this.#registry.metrics(), type: this.#registry.contentType };
  }
}
