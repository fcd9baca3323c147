/** A file system in memory that holds little, and can be filled. */
import { join } from "node:path";

export class SmallDisk implements Disposable {
  readonly path: string;
  #filling: ReturnType<typeof setInterval> | undefined;

  /** Mounts it at a new folder in `folder`. Throws where this process may not. */
  constructor(folder: string, megabytes: number) {
    this.path = Deno.makeTempDirSync({ dir: folder, prefix: "disk-" });
    call("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "unis-torture", this.path);
  }

  get #ballast(): string {
    return join(this.path, "ballast");
  }

  /** Fills what is free, and what becomes free, until `free` is called. */
  fill(): void {
    const bytes = new Uint8Array(4096);
    const fillUp = () => {
      using file = Deno.openSync(this.#ballast, { append: true, create: true });
      try {
        for (;;) file.writeSync(bytes);
      } catch {
        // Now it is full.
      }
    };
    fillUp();
    this.#filling = setInterval(fillUp, 5);
  }

  free(): void {
    clearInterval(this.#filling);
    Deno.removeSync(this.#ballast);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#filling);
    call("umount", "--lazy", this.path);
  }
}

function call(program: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(program, { args, stdout: "null", stderr: "piped" })
    .outputSync();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr).trim()}`);
}
