// Completion: bash, and fish where it is there, complete commands, flags, choices and files by the script as it is printed.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Command } from "commander";
import { completionScript, SHELLS } from "../../src/cli/completion.ts";
import { program } from "../../src/cli/program.ts";
import { temporaryFolder } from "../io/crafted.ts";

/** A line as far as it is typed, what is offered among other things, and what is not. */
const CASES: readonly (readonly [line: string, offered: readonly string[], not: readonly string[]])[] = [
  ["unis ", ["train", "predict", "config", "completion", "help"], ["--preset", "verify"]],
  ["unis tr", ["train"], ["tune", "report"]],
  ["unis -", ["--help", "--version"], ["--epochs"]],
  ["unis data ", ["verify", "prepare"], ["train"]],
  ["unis data prepare ", ["food101", "n24news"], ["verify", "emoji"]],
  ["unis data verify --", ["--partial", "--data", "--quiet"], ["--epochs"]],
  ["unis config ", ["schema", "show"], ["train"]],
  ["unis config show --se", ["--seed", "--set", "--semantics"], ["--epochs"]],
  ["unis train --no-", ["--no-semi", "--no-negative"], ["--data"]],
  ["unis train --preset ", ["emoji", "emoji-large"], ["train", "--data"]],
  ["unis train --epochs 3 --device g", ["gpu"], ["cpu", "auto"]],
  ["unis evaluate run --split ", ["test", "validation", "train"], ["verify"]],
  ["unis evaluate run --split train --", ["--predictions"], ["--epochs"]],
  ["unis launch ", ["train", "doctor"], ["predict", "--ranks"]],
  ["unis launch --", ["--ranks", "--env"], ["--epochs"]],
  ["unis completion ", ["bash", "zsh", "fish"], ["train"]],
  ["unis help ", ["train", "doctor"], ["verify"]],
  ["unis train --config ", ["my settings.yaml", "folder"], []],
  ["unis evaluate ", ["folder"], ["my settings.yaml", "train"]],
  ["unis experiment my", ["my settings.yaml"], []],
];

function say(shell: string, args: string[], cwd: string): string {
  const { code, stdout, stderr } = new Deno.Command(shell, { args, cwd, env: { HOME: cwd } }).outputSync();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const has = (shell: string) =>
  (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(join(folder, shell)).isFile;
    } catch {
      return false;
    }
  });

const there = Object.keys(SHELLS).filter(has);

/** What a shell offers for all lines, a list for each. */
const ASKED: Readonly<Record<string, (script: string, folder: string) => string[][]>> = {
  bash(script, folder) {
    const asks = CASES.map(([line]) => {
      const words = line.split(" ").map((word) => `'${word}'`);
      return `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _unis
        printf '%s\\n' "\${COMPREPLY[@]}"; echo END`;
    });
    return listsOf(say("bash", ["-c", [`source ${script}`, ...asks].join("\n")], folder));
  },
  fish(script, folder) {
    const asks = CASES.map(([line]) => `complete -C '${line}'; echo END`);
    const lists = listsOf(say("fish", ["-c", [`source ${script}`, ...asks].join("\n")], folder));
    return lists.map((list) =>
      list.map((entry) => entry.split("\t")[0]!.replace(/\/$/, "").replaceAll("\\ ", " "))
    );
  },
};

const listsOf = (printed: string) =>
  printed.split("END\n").slice(0, -1).map((list) => list.split("\n").filter((word) => word !== ""));

for (const [shell, ask] of Object.entries(ASKED)) {
  if (!there.includes(shell)) continue;
  Deno.test(`${shell} completes commands, flags, choices and files`, () => {
    using folder = temporaryFolder();
    const script = join(folder.path, ".script");
    Deno.writeTextFileSync(script, completionScript(program(), shell));
    Deno.writeTextFileSync(join(folder.path, "my settings.yaml"), "");
    Deno.mkdirSync(join(folder.path, "folder"));
    const lists = ask(script, folder.path);
    assert.equal(lists.length, CASES.length);
    for (const [i, [line, offered, not]] of CASES.entries()) {
      for (const word of offered) assert.ok(lists[i]!.includes(word), `${line}: no ${word} in ${lists[i]}`);
      for (const word of not) assert.ok(!lists[i]!.includes(word), `${line}: ${word} in ${lists[i]}`);
    }
  });
}

Deno.test("the scripts are sound, and name every command and flag", () => {
  using folder = temporaryFolder();
  const everyone = (command: Command): Command[] => [command, ...command.commands.flatMap(everyone)];
  const words = everyone(program()).flatMap((command) => [
    command.name(),
    ...command.options.map(({ long }) => long!.slice(2)),
  ]);
  assert.ok(there.includes("bash") || Deno.build.os === "windows");
  for (const shell of Object.keys(SHELLS)) {
    const script = completionScript(program(), shell);
    for (const word of words) assert.ok(script.includes(word), `${shell} lacks ${word}`);
    const path = join(folder.path, shell);
    Deno.writeTextFileSync(path, script);
    if (there.includes(shell)) say(shell, ["-n", path], folder.path);
  }
});
