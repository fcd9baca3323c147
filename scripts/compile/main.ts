/**
 * Compiles the program into one file, dist/unis, with what it needs and no more.
 *
 *     deno task compile [--target x86_64-pc-windows-msvc] [--stage]
 *
 * All that goes into it is laid out in dist/stage first, from where `deno run dist/stage/main.ts` is the same program;
 * --stage ends there. Deno then fetches the base of such programs, once for each of its versions and targets.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatBytes } from "../../src/report/units.ts";
import { compileArguments } from "./arguments.ts";
import { stage } from "./stage.ts";

const root = join(import.meta.dirname!, "../..");
const folder = join(root, "dist/stage");
const output = join(root, "dist/unis");

const { values: flags } = parseArgs({
  options: { target: { type: "string" }, stage: { type: "boolean", default: false } },
});

const sizes = await stage(root, folder);
const parts = Object.entries(sizes).map(([name, bytes]) => `${name} ${formatBytes(bytes)}`);
const total = Object.values(sizes).reduce((sum, bytes) => sum + bytes, 0);
console.log(`Laid out    ${folder}: ${formatBytes(total)} (${parts.join(", ")})`);
if (!flags.stage) Deno.exit(await compile());

async function compile(): Promise<number> {
  const target = flags.target ?? Deno.build.target;
  const base = `denort-${target}.zip of Deno ${Deno.version.deno}`;
  console.log(
    Deno.env.get("DENORT_BIN")
      ? `Base        ${Deno.env.get("DENORT_BIN")}`
      : `Base        ${base}, which Deno fetches from dl.deno.land unless it has it`,
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: compileArguments(root, { output, ...(flags.target && { target: flags.target }) }),
    cwd: folder,
    stdin: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    await Deno.stderr.write(new TextEncoder().encode(text));
  }
  const { code } = await child.status;
  if (code === 0) {
    console.log(`Compiled    ${output}, for ${target}`);
  } else if (/dl\.deno\.land|Setting up base binary/.test(said)) {
    console.error(
      `unis: not compiled, since Deno could not fetch its base. Where dl.deno.land is out of reach, fetch ` +
        `https://dl.deno.land/release/v${Deno.version.deno}/denort-${target}.zip elsewhere, unpack it, and set DENORT_BIN ` +
        "to the file in it",
    );
  }
  return code;
}
