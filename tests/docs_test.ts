// What the documents say of the program must be so: links lead somewhere, flags, commands and keys exist, and the
// messages that are quoted stand in the source.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { UserError } from "../src/base/user_error.ts";
import { program } from "../src/cli/program.ts";
import { dataPreset } from "../src/config/data_presets.ts";
import { PRESETS } from "../src/config/presets.ts";
import { type RunConfig, withSettings } from "../src/config/run_config.ts";

const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));

const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "scripts/bench/README.md",
  ...[...Deno.readDirSync(join(ROOT, "docs"))].map(({ name }) => `docs/${name}`).filter((path) =>
    path.endsWith(".md")
  ).sort(),
];
const pages = PAGES.map((path) => ({ path, text: read(path) }));
/** Those about the program; the log of benchmarks speaks of other scripts too. */
const guides = pages.filter(({ path }) => path !== "scripts/bench/README.md");

const withoutCode = (text: string) => text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "code");

/** Lines of shell blocks that call the program, without what follows a #. */
function calls(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
  return blocks.join("").split("\n").map((line) => line.replace(/\s#.*/, "").trim()).filter((line) =>
    /^(unis|sh scripts\/run\.sh) /.test(line)
  );
}

/** What stands between backquotes. */
const spans = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);

/** As GitHub makes the anchor of a heading. */
const anchorOf = (heading: string) =>
  heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");

Deno.test("links in the documents lead to files and headings that are there", () => {
  let links = 0;
  for (const { path, text } of pages) {
    for (const [, target] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      const [file, anchor] = target!.split("#") as [string, string | undefined];
      const found = file === "" ? path : join(dirname(path), file);
      assert.doesNotThrow(() => Deno.statSync(join(ROOT, found)), `${path} links to ${target}`);
      links++;
      if (anchor === undefined) continue;
      const headings = [...read(found).matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!));
      assert.ok(headings.includes(anchor), `${path} links to ${target}: headings are ${headings.join(", ")}`);
    }
  }
  assert.ok(links > 20, `only ${links} links`);
});

Deno.test("the README fits two screens and no page is endless", () => {
  for (const { path, text } of pages) {
    const most = path === "README.md" ? 150 : 300;
    const lines = text.split("\n").length - 1;
    assert.ok(lines <= most, `${path} has ${lines} lines, over ${most}`);
  }
});

Deno.test("commands and flags that the documents name are those of the program", () => {
  const all = everyCommand(program());
  const commands = all.map((command) => command.name());
  const tasks = Object.keys(JSON.parse(read("deno.json")).tasks);
  const flags = new Set([
    "--help",
    "--version",
    ...`${read("deno.json")} ${read("scripts/run.sh")}`.match(/--(?:allow|ignore)-[a-z]+/g)!,
    ...all.flatMap(({ options }) => options.map(({ long }) => long)),
  ]);
  for (const { path, text } of guides) {
    const typed = spans(text).filter((span) => /^unis [a-z]/.test(span));
    for (const call of [...calls(text), ...typed]) {
      const name = /^(?:unis|sh scripts\/run\.sh) ([a-z:]+)/.exec(call)?.[1];
      assert.ok(name !== undefined && [...commands, ...tasks].includes(name), `${path}: ${call}`);
      for (const [flag] of call.matchAll(/(?<=\s)--[a-z][a-z-]*/g)) {
        assert.ok(flags.has(flag), `${path}: ${call} has ${flag}`);
      }
    }
    for (const span of spans(text).filter((span) => /^--[a-z]/.test(span))) {
      for (const [flag] of span.matchAll(/--[a-z][a-z-]*/g)) assert.ok(flags.has(flag), `${path}: ${span}`);
    }
  }
});

Deno.test("keys that the documents name are keys of some configuration", () => {
  const table = (settings: string[]) => dataPreset({ name: "table", path: "/t.csv" }, settings);
  const configs = [
    PRESETS.emoji,
    dataPreset({ name: "food101", path: "/food101" }, []),
    table(["data.image=i", "data.text=t", 'data.features=["f"]']),
    table(["data.modalities.lab.features=f", "data.modalities.NAME.text=t"]),
  ];
  const key =
    /(?<![\w./])(?:data|model|optimizer|plateau|training|semantics)(?:\.[a-zA-Z_0-9]+)+(?![\w/.]|\()/g;
  let keys = 0;
  for (const { path, text } of guides) {
    for (const code of [...spans(text), ...calls(text)]) {
      for (const [name] of code.matchAll(key)) {
        if (/\.(ts|md|csv|safetensors|onnx|data)$/.test(name)) continue;
        assert.ok(configs.some((config) => isKey(config, name)), `${path}: ${code} has ${name}`);
        keys++;
      }
    }
  }
  assert.ok(keys > 40, `only ${keys} keys`);
});

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** Whether a setting is refused, if at all, for its value and not for its name. */
function isKey(config: RunConfig, name: string): boolean {
  try {
    withSettings(config, [`${name}=[[]]`]);
    return true;
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return !/unknown key|has no "/.test(error.message);
  }
}

Deno.test("messages quoted in docs/troubleshooting.md stand in the source", () => {
  const source = [...sourceFiles(join(ROOT, "src"))].map((path) => Deno.readTextFileSync(path)).join("\n")
    .replaceAll(/["`] \+\s*["`]/g, "").replaceAll('\\"', '"'); // strings that go on in the next line
  const rows = [...read("docs/troubleshooting.md").matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]!);
  for (const message of rows) {
    for (const part of message.split("…").map((part) => part.trim()).filter((part) => part.length > 3)) {
      assert.ok(source.includes(part), `"${part}" of "${message}"`);
    }
  }
  assert.ok(rows.length > 20, `only ${rows.length} messages`);
});

function* sourceFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* sourceFiles(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}
