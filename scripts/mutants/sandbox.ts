/** A copy of the repository in a temporary folder, where one file at a time is changed and tests are run. */
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

export interface Outcome {
  readonly passed: boolean;
  /** True where it did not end in time. */
  readonly timedOut: boolean;
  readonly output: string;
}

/** For what tests leave behind. */
const TEMPORARY = ".temporary";

export class Sandbox {
  readonly root: string;
  readonly #running = new Set<number>();

  private constructor(root: string) {
    this.root = root;
  }

  /** Copies what git knows and what it does not ignore from `home`; packages are linked. */
  static async create(home: string): Promise<Sandbox> {
    const root = await Deno.makeTempDir({ prefix: "unis-mutants-" });
    try {
      const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
      const { success, stdout, stderr } = await new Deno.Command("git", { args: list, cwd: home }).output();
      if (!success) throw new Error(`git ls-files: ${new TextDecoder().decode(stderr)}`);
      for (const path of new TextDecoder().decode(stdout).split("\0").filter(Boolean)) {
        await Deno.mkdir(join(root, dirname(path)), { recursive: true });
        await Deno.copyFile(join(home, path), join(root, path)).catch((error) => {
          if (!(error instanceof Deno.errors.NotFound)) throw error; // deleted, and not committed yet
        });
      }
      await Deno.mkdir(join(root, TEMPORARY));
      await Deno.symlink(join(home, "node_modules"), join(root, "node_modules"));
      return new Sandbox(root);
    } catch (error) {
      await Deno.remove(root, { recursive: true });
      throw error;
    }
  }

  /** Of versions of files, those that are TypeScript without a mistake; all are checked in one go, beside their files. */
  async withoutMistakes<T extends { readonly file: string; readonly text: () => string }>(
    versions: readonly T[],
  ): Promise<Set<T>> {
    const places = versions.map(({ file }, i) => join(this.root, file).replace(/\.ts$/, `.version${i}.ts`));
    try {
      await Promise.all(places.map((place, i) => Deno.writeTextFile(place, versions[i]!.text())));
      for (let right = [...versions.keys()]; right.length > 0;) {
        const { passed, output } = await this.deno(["check", "--quiet", ...right.map((i) => places[i]!)]);
        const before = right.length;
        if (!passed) right = right.filter((i) => !output.includes(pathToFileURL(places[i]!).href));
        if (!passed && right.length === before) throw new Error(`deno check failed:\n${output}`);
        // Of files that are no TypeScript at all only the first is told.
        if (passed || /^TS\d+ \[ERROR\]/m.test(output)) {
          return new Set(right.map((i) => versions[i]!));
        }
      }
      return new Set();
    } finally {
      await Promise.all(places.map((place) => Deno.remove(place)));
    }
  }

  /** Runs `body` while the file at `path` holds `text`. */
  async withFile<T>(path: string, text: string, body: () => Promise<T>): Promise<T> {
    const changed = join(this.root, path);
    const before = await Deno.readTextFile(changed);
    await Deno.writeTextFile(changed, text);
    try {
      return await body();
    } finally {
      await Deno.writeTextFile(changed, before);
    }
  }

  /** Where tests leave what they leave. */
  get temporary(): string {
    return join(this.root, TEMPORARY);
  }

  /** Runs Deno in the copy; after `limit` milliseconds it and all that it started is ended. */
  async deno(
    args: readonly string[],
    { limit = Infinity, variables = {} }: { limit?: number; variables?: Record<string, string> } = {},
  ): Promise<Outcome> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: this.root,
      env: {
        TMPDIR: this.temporary,
        UNIS_CACHE_DIR: this.temporary,
        NO_COLOR: "1",
        ...variables,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true, // a process group of its own
    }).spawn();
    this.#running.add(child.pid);
    let timedOut = false;
    const timer = limit < Infinity
      ? setTimeout(() => (timedOut = true, this.#end(child.pid)), limit)
      : undefined;
    const { success, stdout, stderr } = await child.output();
    clearTimeout(timer);
    this.#end(child.pid);
    this.#running.delete(child.pid);
    const text = new TextDecoder();
    return { passed: success, timedOut, output: text.decode(stdout) + text.decode(stderr) };
  }

  /** Ends what runs and removes the copy. */
  remove(): void {
    for (const id of this.#running) this.#end(id);
    Deno.removeSync(this.root, { recursive: true });
  }

  #end(group: number): void {
    try {
      Deno.kill(-group, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}
