/** A job of ranks under a launcher, whose ranks can be told apart. */
import { join } from "node:path";
import type { Place } from "../../src/distributed/meeting.ts";
import { childrenOf, isThere } from "../../tests/distributed/processes.ts";
import type { MpiLauncher } from "./mpi_launchers.ts";
import { ENVIRONMENT, program } from "./tiny_training.ts";
import { CARD, type TwoHosts } from "./two_hosts.ts";

/** Each rank leaves its number and its process as the name of a file, and becomes the program. */
const TELL = 'echo > "$0/${PMI_RANK:-$OMPI_COMM_WORLD_RANK} $$"; exec "$@"';
/** Stands in for ssh: options, then an address of `TwoHosts`, then a command. */
const REMOTE = `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
case $1 in *.1) host="HOST_1" ;; *) host="HOST_2" ;; esac
shift
exec $host sh -c "$*"
`;

/** One of MPI's, or the program itself. */
export type Launcher = MpiLauncher | { readonly name: "unis launch" };

export interface JobOptions {
  readonly launcher: Launcher;
  readonly ranks: number;
  readonly args: readonly string[];
  /** UNIS_MPI_TIMEOUT. */
  readonly patience: number;
  /** Where half of the ranks run on each of two hosts; for MPICH. */
  readonly hosts?: TwoHosts | undefined;
}

export class RankJob {
  /** Its status, and all that was printed. */
  readonly ended: Promise<{ code: number; said: string }>;
  isOver = false;
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  /** Processes of ranks that were seen, by rank. */
  readonly #seen = new Map<number, number>();

  /** `folder` is for its files. */
  constructor(folder: string, { launcher, ranks, args, patience, hosts }: JobOptions) {
    this.#folder = Deno.makeTempDirSync({ dir: folder, prefix: "ranks-" });
    const where = hosts && this.#spread(folder, hosts, ranks);
    const words = "command" in launcher
      ? [
        ...hosts?.on[0] ?? [],
        ...launcher.command,
        ...where ?? ["-n", String(ranks)],
        ...["sh", "-c", TELL, this.#folder, ...program(args)],
      ]
      : program(["launch", "--ranks", String(ranks), "--", ...args]);
    this.#process = new Deno.Command(words[0]!, {
      args: words.slice(1),
      env: {
        ...ENVIRONMENT,
        ...("command" in launcher && launcher.environment),
        UNIS_MPI_TIMEOUT: String(patience),
        // Ranks of one machine go by its memory else; and the card that is each host's own, "lo", leads to no other host.
        ...(hosts && { UCX_TLS: "tcp", MPIR_CVAR_NOLOCAL: "1", UCX_NET_DEVICES: CARD }),
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const text = new TextDecoder();
    this.ended = this.#process.output().then(({ code, stdout, stderr }) => {
      this.isOver = true;
      return { code, said: text.decode(stdout) + text.decode(stderr) };
    });
  }

  #spread(folder: string, { on }: TwoHosts, ranks: number): string[] {
    const remote = join(folder, "remote.sh");
    const script = on.reduce(
      (text, words, i) => text.replace(`"HOST_${i + 1}"`, `"${words.join(" ")}"`),
      REMOTE,
    );
    Deno.writeTextFileSync(remote, script, { mode: 0o755 });
    return [
      ...["-launcher", "ssh", "-launcher-exec", remote, "-hosts", "10.77.0.1,10.77.0.2"],
      ...["-ppn", String(ranks / 2), "-n", String(ranks)],
    ];
  }

  /** The processes of the ranks that have started so far, by rank. */
  get processes(): ReadonlyMap<number, number> {
    for (const { name } of Deno.readDirSync(this.#folder)) {
      const [rank, process] = name.split(" ").map(Number);
      this.#seen.set(rank!, process!);
    }
    for (const process of childrenOf(this.#process.pid)) {
      const place = placeOf(process);
      if (place !== undefined) this.#seen.set(place.rank, process);
    }
    return this.#seen;
  }

  /** Those of them that are still there. */
  get alive(): number[] {
    return [...this.processes.values()].filter(isThere);
  }

  /** Ends all that there is of it. */
  kill(): void {
    for (const process of [...this.alive, ...(this.isOver ? [] : [this.#process.pid])]) {
      try {
        Deno.kill(process, "SIGKILL");
      } catch {
        // It ended in the meantime.
      }
    }
  }
}

/** What `unis launch` has told a process that it started. */
function placeOf(process: number): Place | undefined {
  try {
    const variables = Deno.readTextFileSync(`/proc/${process}/environ`).split("\0");
    const text = variables.find((text) => text.startsWith("UNIS_LAUNCH="));
    return text && JSON.parse(text.slice("UNIS_LAUNCH=".length));
  } catch {
    return undefined; // it has ended
  }
}
