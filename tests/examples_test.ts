// Every example runs as its reader would run it. Each ends by asserting what it shows.
import assert from "node:assert/strict";

const ROOT = new URL("..", import.meta.url).pathname;
const examples = [...Deno.readDirSync(`${ROOT}/examples`)].map(({ name }) => name)
  .filter((name) => name.endsWith(".ts")).sort();
assert.ok(examples.length > 0);

for (const name of examples) {
  Deno.test(`examples/${name} runs to its end`, async () => {
    const source = Deno.readTextFileSync(`${ROOT}/examples/${name}`);
    assert.match(source, /\bassert\.\w+\(/, "an example asserts what it shows");
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `examples/${name}`],
      cwd: ROOT,
    }).output();
    const text = new TextDecoder();
    assert.ok(success, text.decode(stderr));
    assert.notEqual(text.decode(stdout).trim(), "", "an example prints what it found");
  });
}
