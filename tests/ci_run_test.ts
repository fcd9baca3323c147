// .ci/run must tell the truth about a test run that passes, fails, dies, or never starts.
import assert from "node:assert/strict";

const SCRIPT = new URL("../.ci/run", import.meta.url);

interface Outcome {
  readonly code: number;
  readonly lastLine: string;
  readonly output: string;
}

/** Runs .ci/run on a small repository whose scripts/run.sh holds these two shell commands. */
function runIn(check: string, test: string): Outcome {
  const root = Deno.makeTempDirSync({ prefix: "unis ci " });
  try {
    Deno.mkdirSync(`${root}/.ci`);
    Deno.mkdirSync(`${root}/scripts`);
    Deno.copyFileSync(SCRIPT, `${root}/.ci/run`);
    Deno.writeTextFileSync(
      `${root}/scripts/run.sh`,
      `case $1 in\ncheck)\n${check}\n;;\ntest)\n${test}\n;;\nesac\n`,
    );
    git(root, "init", "--quiet");
    git(root, "add", "--all");
    git(root, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "all");
    Deno.writeTextFileSync(`${root}/scripts/run.sh`, "echo uncommitted; exit 9\n"); // must not be what is tested
    const { code, stdout } = new Deno.Command("bash", {
      args: [`${root}/.ci/run`],
      cwd: "/",
      stderr: "null",
      env: { DENO: Deno.execPath() },
    }).outputSync();
    const output = new TextDecoder().decode(stdout);
    return { code, output, lastLine: output.trimEnd().split("\n").at(-1)! };
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

function git(root: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command("git", { args, cwd: root }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** A shell command that runs `source` as a real test file, in a folder of its own. */
function realTests(source: string): string {
  return `mkdir real && cat > real/a_test.ts <<'SOURCE'\n${source}\nSOURCE\n` +
    `"$DENO" test -A --no-config --no-check real\n`;
}

const canned = (text: string, status: number) => `cat <<'TEXT'\n${text}\nTEXT\nexit ${status}`;

const CASES: [string, string, string, number, string][] = [
  [
    "a passing suite",
    "true",
    realTests(`Deno.test("a", async (t) => { await t.step("s", () => {}); }); Deno.test("b", () => {});`),
    0,
    "2 passed, 0 failed",
  ],
  [
    "a failing suite",
    "true",
    realTests(
      `Deno.test("a", () => {}); Deno.test("b", () => { throw 1; }); Deno.test.ignore("c", () => {});`,
    ),
    1,
    "1 passed, 1 failed",
  ],
  [
    "a suite whose process dies",
    "true",
    realTests(
      `Deno.test("a", () => {}); Deno.test("b", () => {}); Deno.test("c", () => { Deno.kill(Deno.pid, "SIGKILL"); });`,
    ) + "exit $?",
    137,
    "2 passed, 1 failed",
  ],
  [
    "steps of files that run beside each other, until the process dies",
    "true",
    canned("./a.ts => a ... b ... ok (1ms)\n./a.ts => a ... ok (2ms)\n./b.ts => c ... FAILED (1ms)", 137),
    137,
    "1 passed, 2 failed",
  ],
  ["a suite that cannot be loaded", "true", realTests("syntax error"), 1, "0 passed, 1 failed"],
  [
    "steps, ignored and filtered tests",
    "true",
    canned("ok | 12 passed (3 steps) | 0 failed | 4 ignored (1 step) | 2 filtered out (1m3s)", 0),
    0,
    "12 passed, 0 failed",
  ],
  [
    "failed steps",
    "true",
    canned("FAILED | 300 passed (7 steps) | 25 failed (31 steps) (4s)", 1),
    1,
    "300 passed, 25 failed",
  ],
  [
    "the last of two summaries",
    "true",
    canned("ok | 1 passed | 0 failed (1ms)\nok | 40 passed | 0 failed (2s)", 0),
    0,
    "40 passed, 0 failed",
  ],
  [
    "nothing but a success",
    "true",
    "true",
    1,
    "0 passed, 1 failed",
  ],
  [
    "a crash after the summary",
    "true",
    canned("ok | 5 passed | 0 failed (1ms)", 139),
    139,
    "5 passed, 1 failed",
  ],
  ["set-up that stops", "exit 2", "exit 2", 2, "0 passed, 2 failed"],
  ["a check that fails", "exit 3", canned("ok | 5 passed | 0 failed (1ms)", 0), 3, "5 passed, 1 failed"],
  [
    "tests beside the check",
    `for i in $(seq 100); do [ -e begun ] && exit 0; sleep 0.1; done; exit 3`,
    `touch begun; echo "ok | 1 passed | 0 failed (1ms)"`,
    0,
    "1 passed, 0 failed",
  ],
  [
    "tests whose types are checked once",
    "true",
    `[ "$2" = --no-check ] && echo "ok | 1 passed | 0 failed (1ms)"`,
    0,
    "1 passed, 0 failed",
  ],
  [
    "no standard input and no colours",
    "true",
    `[ -z "$(cat)" ] && [ "$NO_COLOR" = 1 ] && echo "ok | 1 passed | 0 failed (1ms)"`,
    0,
    "1 passed, 0 failed",
  ],
];

for (const [what, check, test, code, lastLine] of CASES) {
  Deno.test({
    name: `.ci/run counts ${what}`,
    ignore: Deno.build.os === "windows",
    fn() {
      const outcome = runIn(check, test);
      assert.equal(outcome.lastLine, lastLine, outcome.output);
      assert.equal(outcome.code, code, outcome.output);
    },
  });
}
