// examples/hosts, as far as that goes without Docker, Slurm and systemd: the Slurm script runs with stand-ins for unis, srun and
// scontrol, and what the other files name is there.
import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { temporaryFolder } from "./io/crafted.ts";

const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));

/** Writes its arguments to a file, waits if it is to, and ends by a status; asked to stop it takes a while, and gives 130. */
const UNIS = `echo "$@" >> calls
trap 'sleep 0.3; echo saved >> calls; exit 130' USR2
[ -z "$WAITS" ] || { touch started; while :; do sleep 0.05; done; }
exit "$STATUS"
`;

interface Job {
  readonly args?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** The status of unis. */
  readonly status?: number;
  /** Slurm sends TERM while unis runs. */
  readonly isStopped?: boolean;
  /** The run that is there when the job starts. */
  readonly run?: string;
}

/** What a job called, line by line, and its status. */
async function submit({ args = [], variables = {}, status = 0, isStopped = false, run }: Job) {
  using folder = temporaryFolder();
  const { path } = folder;
  const file = (name: string, text: string) => {
    Deno.mkdirSync(join(path, name, ".."), { recursive: true });
    Deno.writeTextFileSync(join(path, name), text, { mode: 0o755 });
  };
  file("scripts/run.sh", UNIS);
  file(
    "bin/srun",
    '#!/bin/sh\necho srun "$@" >> calls\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n',
  );
  file("bin/scontrol", '#!/bin/sh\necho scontrol "$@" >> calls\n');
  if (run !== undefined) file(`${run}/config.json`, "{}");
  const job = new Deno.Command("bash", {
    args: [join(ROOT, "examples/hosts/train.slurm"), ...args],
    cwd: path,
    env: {
      PATH: `${join(path, "bin")}${delimiter}${Deno.env.get("PATH")}`,
      SLURM_SUBMIT_DIR: path,
      SLURM_JOB_ID: "70",
      SLURM_JOB_NAME: "unis",
      STATUS: String(status),
      WAITS: isStopped ? "yes" : "",
      ...variables,
    },
    stdin: "null",
  }).spawn();
  if (isStopped) {
    while (!Array.from(Deno.readDirSync(path)).some(({ name }) => name === "started")) {
      await new Promise((resume) => setTimeout(resume, 20));
    }
    job.kill("SIGTERM");
  }
  const { code } = await job.status;
  return { code, calls: Deno.readTextFileSync(join(path, "calls")).trimEnd().split("\n") };
}

const array = { SLURM_ARRAY_JOB_ID: "60", SLURM_ARRAY_TASK_ID: "3" };
const CASES: [what: string, job: Job, code: number, calls: string[]][] = [
  [
    "begins a run, with what it was given",
    { args: ["--method", "agg-mm", "--set", "a=1 2"] },
    0,
    ["train --out runs/slurm-70-1 --seed 1 --device gpu --method agg-mm --set a=1 2"],
  ],
  ["goes on with its run", { args: ["--method", "x"], run: "runs/slurm-70-1" }, 0, [
    "train --resume runs/slurm-70-1 --device gpu",
  ]],
  ["trains a seed of an array", { variables: array }, 0, [
    "train --out runs/slurm-60-3 --seed 3 --device gpu",
  ]],
  ["fails as unis fails", { status: 2 }, 2, ["train --out runs/slurm-70-1 --seed 1 --device gpu"]],
  ["queues again when its device was lost", { status: 75 }, 75, [
    "train --out runs/slurm-70-1 --seed 1 --device gpu",
    "scontrol requeue 70",
  ]],
  ["queues again when its time is up before unis listens", { status: 128 + 12 }, 140, [
    "train --out runs/slurm-70-1 --seed 1 --device gpu",
    "scontrol requeue 70",
  ]],
  [
    "gives up when devices are lost again and again",
    { status: 75, variables: { SLURM_RESTART_COUNT: "5" } },
    75,
    [
      "train --out runs/slurm-70-1 --seed 1 --device gpu",
    ],
  ],
  ["queues again when its time is up, after unis has saved", { isStopped: true }, 130, [
    "train --out runs/slurm-70-1 --seed 1 --device gpu",
    "saved",
    "scontrol requeue 70",
  ]],
  [
    "trains by ranks, who save and queue again",
    { isStopped: true, variables: { SLURM_NTASKS: "4", SLURM_CPUS_PER_TASK: "8" } },
    130,
    [
      "srun --kill-on-bad-exit=1 --cpus-per-task=8 sh scripts/run.sh train --out runs/slurm-70-1 --seed 1 --device gpu",
      "train --out runs/slurm-70-1 --seed 1 --device gpu",
      "saved",
      "scontrol requeue 70",
    ],
  ],
];

for (const [what, job, code, calls] of CASES) {
  Deno.test({
    name: `examples/hosts/train.slurm ${what}`,
    ignore: Deno.build.os === "windows",
    fn: async () => assert.deepEqual(await submit(job), { code, calls }),
  });
}

Deno.test("the Dockerfile copies what is there, all that the program is made of, and a Deno that is recent enough", () => {
  const dockerfile = read("examples/hosts/Dockerfile");
  const copied = [...dockerfile.matchAll(/^COPY --chown=\S+ (.*) \S+$/gm)].flatMap(([, sources]) =>
    sources!.split(" ")
  );
  for (const path of copied) Deno.statSync(join(ROOT, path));
  for (const path of ["deno.json", "deno.lock", "main.ts", "src", "wgsl"]) {
    assert.ok(copied.includes(path), path);
  }
  const kept = read("examples/hosts/Dockerfile.dockerignore").match(/(?<=^!).*/gm)!;
  for (const path of copied) {
    assert.ok(kept.includes(path) || (path.endsWith(".ts") && kept.includes("*.ts")), path);
  }
  const [, major, minor] = dockerfile.match(/denoland\/deno:bin-(\d+)\.(\d+)/)!;
  assert.ok(Number(major) > 2 || Number(minor) >= 9);
  assert.match(dockerfile, /NVIDIA_DRIVER_CAPABILITIES=\S*graphics/);
});

Deno.test("the unit of systemd starts a command that there is, with variables that are read", () => {
  const unit = read("examples/hosts/unis-serve.service");
  const [, line] = unit.match(/^ExecStart=\/usr\/local\/bin\/unis (.*)$/m)!;
  const [command, ...flags] = line!.match(/^\w+|--[a-z-]+/g)!;
  const source = read(`src/cli/commands/${command}.ts`);
  for (const flag of flags) assert.ok(source.includes(`"${flag} `), flag);
  const names = [...unit.matchAll(/\b(UNIS_\w+)=/g)].map(([, name]) => name!);
  const allowed = read("deno.json").match(/--allow-env=(\S+)/)![1]!.split(",");
  assert.ok(names.length > 1);
  for (const name of names) assert.ok(allowed.includes(name), name);
});
