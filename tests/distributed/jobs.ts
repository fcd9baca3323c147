/** Starts ranks as users do, by a launcher, and knows their processes. */
import { childrenOf } from "./processes.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const UNIS = [Deno.execPath(), "run", "-A", "--no-check", MAIN];

export interface Job {
  /** The process of the launcher. */
  readonly launcher: Deno.ChildProcess;
  /** Those of the ranks, in the order in which they were started, or in any. */
  readonly pids: number[];
  readonly ended: Promise<{ code: number; said: string }>;
}

/** A launcher. */
export interface Form {
  readonly name: string;
  /** Whether it gives all ranks the same arguments. */
  readonly isAlike: boolean;
  /** Starts a rank for each of the arguments. */
  start(args: readonly (readonly string[])[], env?: Readonly<Record<string, string>>): Promise<Job>;
}

/** Asks again and again until `found` gives something; throws where the job ends before. */
export async function eventually<T>({ ended }: Pick<Job, "ended">, found: () => T | undefined): Promise<T> {
  let said: string | undefined;
  ended.then((end) => said = end.said);
  for (;;) {
    const value = found();
    if (value !== undefined) return value;
    if (said !== undefined) throw new Error(`It ended early: ${said}`);
    await new Promise((resume) => setTimeout(resume, 100));
  }
}

/** That of MPI, with its flags. */
export function byMpi([program, ...flags]: readonly string[]): Form {
  const script = 'echo > "$0/$$"; exec "$@"';
  return {
    name: "MPI",
    isAlike: false,
    async start(args, env = {}) {
      const folder = Deno.makeTempDirSync();
      const ranks = args.flatMap((
        own,
        i,
      ) => [...(i > 0 ? [":"] : []), "-n", "1", "sh", "-c", script, folder, ...UNIS, ...own]);
      const job = spawn(program!, [...flags, ...ranks], env);
      const pids = await eventually(
        job,
        () => all(Array.from(Deno.readDirSync(folder), ({ name }) => Number(name)), args),
      );
      Deno.removeSync(folder, { recursive: true });
      return { ...job, pids };
    },
  };
}

/** Our own. */
export function byLaunch(flags: readonly string[] = []): Form {
  const [program, ...unis] = UNIS;
  return {
    name: "unis launch",
    isAlike: true,
    async start(args, env = {}) {
      const job = spawn(
        program!,
        [...unis, "launch", "--ranks", String(args.length), ...flags, "--", ...args[0]!],
        env,
      );
      return { ...job, pids: await eventually(job, () => all(childrenOf(job.launcher.pid), args)) };
    },
  };
}

function spawn(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Omit<Job, "pids"> {
  const launcher = new Deno.Command(program, { args: [...args], env, stdout: "piped", stderr: "piped" })
    .spawn();
  const text = new TextDecoder();
  const ended = launcher.output().then(({ code, stdout, stderr }) => ({
    code,
    said: text.decode(stdout) + text.decode(stderr),
  }));
  return { launcher, ended };
}

/** The processes, once each rank has one. */
function all(pids: number[], ranks: readonly unknown[]): number[] | undefined {
  return pids.length === ranks.length ? pids : undefined;
}
