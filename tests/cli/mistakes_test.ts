// Mistakes that users make, each answered by one line that says what to do, status 2, and a suggestion where one is near.
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { hintFor, OURS } from "../../src/cli/foreign_flags.ts";
import { program } from "../../src/cli/program.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { FakeHub } from "../io/hub_server.ts";
import { MISTAKES } from "./mistakes.ts";
import { layOut } from "./mistakes_fixture.ts";
import type { Typed } from "./typed_lines.ts";

/** Nothing listens here any more. */
const NOWHERE = (() => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${listener.addr.port}`;
})();
const folder = temporaryFolder();
const hub = new FakeHub(new Map());
const ENVIRONMENT = {
  UNIS_CACHE_DIR: join(folder.path, "cache"),
  HF_HOME: join(folder.path, "hf"),
  HF_ENDPOINT: hub.endpoint,
  HF_TOKEN: "",
};
await layOut(folder.path);
Deno.test.afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/**
 * What command lines answer, typed in the folder of the fixture, with caches and a hub of its own. One process runs them
 * all: the folder and the variables of this one are also those of the test files that run beside it.
 */
async function typed(lines: readonly string[], changes: Record<string, string> = {}): Promise<Typed[]> {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", here("../../deno.json"), here("typed_lines.ts"), ...lines],
    cwd: folder.path,
    env: { ...ENVIRONMENT, ...changes },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.ok(success, text.decode(stderr));
  const answers = text.decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line) as Typed);
  assert.equal(answers.length, lines.length);
  return answers;
}

let answersToAll: ReturnType<typeof typedAll> | undefined;

for (const [what, rows] of Object.entries(MISTAKES)) {
  Deno.test(`mistakes: ${what}`, async () => {
    const answers = await (answersToAll ??= typedAll());
    for (const [line, expected] of rows) {
      const { status, out, errors } = answers.get(line)!;
      const shown = `unis ${line}\n${[...out, ...errors].join("\n")}`;
      assert.deepEqual([status, out, errors.length], [2, [], 1], shown);
      const [, message] = /^unis: (\P{Cc}+)$/u.exec(errors[0]!) ?? assert.fail(shown);
      assert.match(message!, expected, shown);
    }
  });
}

async function typedAll(): Promise<Map<string, Typed>> {
  const lines = Object.values(MISTAKES).flat().map(([line]) => line);
  const answers = await typed(lines);
  return new Map(lines.map((line, i) => [line, answers[i]!]));
}

Deno.test("there are enough mistakes, on every command", () => {
  const lines = Object.values(MISTAKES).flat().map(([line]) => line);
  assert.equal(new Set(lines).size, lines.length);
  assert.ok(lines.length >= 120, `only ${lines.length}`);
  for (const command of program().commands.map((command) => command.name())) {
    assert.ok(lines.some((line) => line.split(" ")[0] === command), `none of ${command}`);
  }
});

Deno.test("a fault of the data is no mistake in the command: it has status 1", async () => {
  const lines = ["holes.csv", "ragged.csv"].map((file) =>
    `data verify --data table:${file} --set data.text=title`
  );
  for (const { status, errors } of await typed(lines)) {
    assert.deepEqual([status, errors.length], [1, 1], errors.join("\n"));
    assert.match(errors[0]!, /^unis: \d+ things are wrong with table:/);
  }
});

Deno.test("a machine without a network is told at once", async () => {
  const line = "train --text-encoder google-bert/bert-base-uncased";
  const [answer] = await typed([line], { HF_ENDPOINT: NOWHERE });
  const { status, errors, milliseconds } = answer!;
  assert.deepEqual([status, errors.length], [2, 1], errors.join("\n"));
  assert.match(errors[0]!, /cannot be reached: .*refused.*HF_ENDPOINT.*HF_HOME.*local folder$/);
  assert.ok(milliseconds < 5000);
});

Deno.test("flags of other tools are answered by flags and keys that there are", () => {
  const everyone = (command: Command): Command[] => [command, ...command.commands.flatMap(everyone)];
  const commands = everyone(program());
  const flags = new Set(commands.flatMap(({ options }) => options.map(({ long }) => long)));
  const names = new Set(
    commands.flatMap((command) => command.registeredArguments.map((one) => `<${one.name()}>`)),
  );
  for (const ours of OURS) {
    if (ours.startsWith("--")) assert.ok(flags.has(ours.split("=")[0]!), ours);
    else if (ours.startsWith("<")) assert.ok(names.has(ours), ours);
    else {
      const key = ours.replace("NAME", "text");
      assert.throws(
        () => withSettings(PRESETS.emoji, [`${key}=[[]]`]),
        (error: Error) => error instanceof UserError && !/unknown key/.test(error.message),
        ours,
      );
    }
  }
  // No flag of ours is taken for one of another tool.
  for (const command of commands) {
    for (const { long } of command.options) {
      const hint = hintFor(command, long!);
      assert.ok(hint === undefined || hint.includes(long!), `${command.name()} ${long}: ${hint}`);
    }
  }
});
