import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { type DownloadProgress, type FileKind, resolveModel, type ResolveOptions } from "../../src/io/hub.ts";
import type { Clock } from "../../src/io/hub_retry.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "./crafted.ts";
import { FakeHub, hashOf, ID, modelFiles } from "./hub_server.ts";

const ALL: FileKind[] = ["weights", "tokenizer", "preprocessor"];
export const TOKEN = "hf_averysecretthing";

/** Those of the model's files that the three kinds need. */
export const WANTED = [
  "config.json",
  "model.safetensors",
  "preprocessor_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "vocab.txt",
];

/** A hub, an empty cache, and a clock that notes how long it was to sleep. */
export class Setting implements AsyncDisposable {
  readonly hub: FakeHub;
  readonly slept: number[] = [];
  readonly notes: string[] = [];
  readonly events: string[] = [];
  readonly env: Record<string, string>;
  readonly #folder = temporaryFolder();

  constructor(files = modelFiles()) {
    this.hub = new FakeHub(files);
    this.env = { HF_HOME: this.#folder.path, HF_ENDPOINT: this.hub.endpoint, HF_TOKEN: TOKEN };
  }

  get home(): string {
    return this.#folder.path;
  }

  /** The model's folder in the cache. */
  get cache(): string {
    return join(this.home, "hub", "models--some-org--tiny-model");
  }

  get part(): string {
    return `${join(this.cache, "blobs", hashOf(this.hub.files.get("model.safetensors")!))}.incomplete`;
  }

  resolve(options: Partial<ResolveOptions> & { id?: string } = {}) {
    const clock: Clock = {
      now: () => Date.UTC(2024, 0, 1),
      sleep: (ms) => Promise.resolve(void this.slept.push(ms)),
      stallMs: 5000,
    };
    const progress: DownloadProgress = {
      begin: (file, total, done) => this.events.push(`begin ${file} ${done}/${total}`),
      advance: (file, done) => this.events.push(`advance ${file} ${done}`),
      end: (file) => this.events.push(`end ${file}`),
      note: (message) => this.notes.push(message),
    };
    return resolveModel(options.id ?? ID, { kinds: ALL, env: this.env, clock, progress, ...options });
  }

  /** The message with which resolving is refused; the token must not be in it. */
  async refusal(options: Parameters<Setting["resolve"]>[0] = {}): Promise<string> {
    const error = await this.resolve(options).then(() => assert.fail("it was not refused"), (e) => e);
    assert.ok(error instanceof UserError, String(error.stack));
    assert.ok(!`${error.message} ${this.notes}`.includes(TOKEN), "the token is in a message");
    assert.ok(!error.message.includes("\n"), error.message);
    return error.message;
  }

  /** Asserts that the folder holds exactly what the hub has under these names. */
  checkFiles(folder: string, names: string[]): void {
    assert.deepEqual(Array.from(Deno.readDirSync(folder), (entry) => entry.name).sort(), [...names].sort());
    for (const name of names) {
      // Not deepEqual: it would take minutes to describe the difference.
      const same = Buffer.from(Deno.readFileSync(join(folder, name))).equals(this.hub.files.get(name)!);
      assert.ok(same, `${name} is not what the hub has`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}
