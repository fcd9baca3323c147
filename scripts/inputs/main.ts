/**
 * Writes docs/inputs.md: what `unis data verify` makes of inputs as people have them, good, odd and broken. Each is written into
 * a folder of its own and verified as it would be typed.
 *
 *     deno run -A scripts/inputs/main.ts
 */
import { dirname, join } from "node:path";
import { run } from "../../src/cli/program.ts";
import { type Input, INPUTS } from "./inputs.ts";

const PAGE = new URL("../../docs/inputs.md", import.meta.url).pathname;
const HEAD = `# What is read, and what is said of the rest

Inputs as people have them, and what \`unis data verify\` makes of each: read alike, perhaps with a word on what may
be a mistake, or told with file, row and cure. The table is written by \`deno run -A scripts/inputs/main.ts\`; of
several lines the first is shown.

`;

/** What becomes of an input, and what is said of it. */
export async function verified(
  { files, links = {}, data = "items.csv", args = [], set = {} }: Input,
): Promise<string> {
  const base = Deno.makeTempDirSync();
  const folder = join(base, "shop");
  const lines: string[] = [], errors: string[] = [];
  const { log, warn, error } = console;
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      Deno.mkdirSync(dirname(path), { recursive: true });
      if (typeof content === "string") Deno.writeTextFileSync(path, content.replaceAll("FOLDER", folder));
      else Deno.writeFileSync(path, content);
    }
    for (const [name, target] of Object.entries(links)) {
      Deno.mkdirSync(dirname(join(folder, name)), { recursive: true });
      Deno.symlinkSync(target, join(folder, name));
    }
    console.log = (...parts: unknown[]) => void lines.push(parts.join(" "));
    console.warn = console.error = (...parts: unknown[]) => void errors.push(parts.join(" "));
    const settings = Object.entries(set).map(([key, value]) =>
      `${key}=${value.replaceAll("FOLDER", folder)}`
    );
    const status = await run([
      ...["data", "verify", "--data", `table:${join(folder, data)}`, "--set", ...settings],
      ...args,
    ]);
    const all = [...lines, ...errors].join("\n").split("\n").map((line) =>
      line.replaceAll(`${folder}/`, "").replaceAll(base, "/data")
    );
    const said = status === 0
      ? all.filter((line) => /^(?:Warning: |lacking )/.test(line)).map((line) => line.replaceAll(/ +/g, " "))
      : all.filter((line) => /^\S+, row \d/.test(line)).concat(all.slice(-1));
    return `${status === 0 ? "read" : "told"}${
      said.length === 0 ? "" : `: ${said[0]!.replace(/^(?:unis|Warning): /, "")}`
    }`;
  } finally {
    Object.assign(console, { log, warn, error });
    Deno.removeSync(base, { recursive: true });
  }
}

/** The rows of the page by its headings. */
export async function rowsOf(inputs: Readonly<Record<string, Input>>): Promise<[what: string, is: string][]> {
  const rows: [string, string][] = [];
  for (const [what, input] of Object.entries(inputs)) rows.push([cell(what), cell(await verified(input))]);
  return rows;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("*", "\\*");
}

if (import.meta.main) {
  let page = HEAD, count = 0;
  for (const [title, inputs] of Object.entries(INPUTS)) {
    const rows = await rowsOf(inputs);
    count += rows.length;
    page += `## ${title}\n\n| input | is |\n| --- | --- |\n`;
    page += rows.map((row) => `| ${row.join(" | ")} |\n`).join("") + "\n";
  }
  Deno.writeTextFileSync(PAGE, `${page.trimEnd()}\n`);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", PAGE] }).output();
  console.log(`${count} inputs: ${PAGE}`);
}
