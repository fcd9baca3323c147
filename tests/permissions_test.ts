// What tasks let the program do: no more than docs/permissions.md says, and enough for what the source asks of Deno.
import assert from "node:assert/strict";
import { join } from "node:path";
import { compileArguments } from "../scripts/compile/arguments.ts";
import { HUB_VARIABLES } from "../src/io/hub_cache.ts";

const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));
const { tasks } = JSON.parse(read("deno.json")) as { tasks: Record<string, string> };
const commands = Array.from(
  Deno.readDirSync(join(ROOT, "src/cli/commands")),
  ({ name }) => name.replace(/\.ts$/, ""),
);

/** The permission flags of a command line, in an order of their own. */
const flagsOf = (line: string) =>
  (line.match(/(?<=\s)(?:--(?:allow|ignore|no-prompt)[^\s]*|-A)(?=\s)/g) ?? []).sort();
const base = flagsOf(tasks.unis!);
const variables = base.find((flag) => flag.startsWith("--allow-env="))!.slice("--allow-env=".length).split(
  ",",
);

function* sources(folder: string): Generator<{ path: string; text: string }> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield { path, text: Deno.readTextFileSync(path) };
  }
}

Deno.test("each command has a task, with the permissions of all and the network where it needs that", () => {
  for (const command of commands) {
    const task = tasks[command];
    assert.ok(task, `deno.json has no task ${command}`);
    if (command === "doctor") continue; // which looks where nobody may
    assert.match(
      task,
      new RegExp(
        `^(UNIS_NET=--allow-net |UNIS_RUN=--allow-run |UNIS_V8=,--\\S+ )*deno task --quiet unis ${command}$`,
      ),
    );
    assert.equal(task.includes("--allow-run"), command === "launch", `${command} starts no programs`);
  }
  assert.ok(commands.length >= 8);
  assert.ok(!base.some((flag) => /^(-A|--allow-(all|net|run|ffi|env$|sys$))/.test(flag)), base.join(" "));
});

Deno.test("the compiled program has the permissions of the tasks, and collects memory as they do", () => {
  const line = compileArguments(ROOT, { output: "unis" }).join(" ");
  assert.deepEqual(flagsOf(line), [...base, "--allow-net", "--allow-run"].sort());
  const memory = tasks.unis!.match(/--v8-flags=[^\s$]+/)![0];
  assert.ok(line.includes(` ${memory} `), `${line} collects memory otherwise`);
});

Deno.test("variables that the source reads are allowed", () => {
  const asked = new Set<string>(HUB_VARIABLES);
  for (const { path, text } of sources(join(ROOT, "src"))) {
    for (const [, name] of text.matchAll(/env\.(?:get|has|set)\("(\w+)"/g)) asked.add(name!);
    // Everything at once needs every variable to be allowed; what is looked up by a name that is computed is in a list.
    assert.ok(!text.includes("env.toObject"), path);
    if (/env\.get\((?!")/.test(text)) assert.match(path, /hub_cache\.ts$|doctor\/deno_system\.ts$/);
  }
  for (const name of asked) assert.ok(variables.includes(name), `--allow-env in deno.json lacks ${name}`);
});

Deno.test("docs/permissions.md names every permission and variable", () => {
  const page = read("docs/permissions.md");
  const names = base.flatMap((flag) => {
    const [name, values] = flag.split("=") as [string, string | undefined];
    if (flag === "--no-prompt") return [];
    return name === "--allow-sys" ? values!.split(",").map((value) => `${name}=${value}`) : [name];
  });
  for (const name of [...names, ...variables, "--allow-net", "--allow-run"]) {
    assert.ok(page.includes(`\`${name}`), name);
  }
});

Deno.test("docs/permissions.md names the commands that have the network, and no others", () => {
  const page = read("docs/permissions.md");
  const rows = page.slice(page.indexOf("| `--allow-net`"), page.indexOf("| `--allow-run`"));
  for (const command of commands) {
    assert.equal(rows.includes(`\`${command}\``), tasks[command]!.startsWith("UNIS_NET="), command);
  }
});

Deno.test("a program that is refused something says so in one line", () => {
  const run = (...flags: string[]) => {
    const { code, stderr } = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        ...flags,
        join(ROOT, "main.ts"),
        "train",
        "--image-encoder",
        "a/b",
      ],
      env: { HF_HOME: "/nonexistent", HF_HUB_OFFLINE: "", NO_COLOR: "1" },
    }).outputSync();
    return { code, errors: new TextDecoder().decode(stderr).trim() };
  };
  const refused = run(...base.filter((flag) => flag !== "--no-prompt"));
  assert.equal(refused.code, 2, refused.errors);
  assert.match(
    refused.errors,
    /^unis: Cannot fetch a\/b .*without access to huggingface\.co:443\. Start it with --allow-net, set HF_HOME/,
  );
  const poor = run("--allow-read");
  assert.equal(poor.code, 2, poor.errors);
  assert.match(poor.errors, /^unis: Requires env access to "\w+".*; sh scripts\/run\.sh grants/);
});
