/**
 * The same training on several drivers and backends: how far their losses part within 50 steps, and whether each repeats its own
 * to the bit.
 *
 *     deno run -A scripts/torture/adapters.ts DRIVER.json ... [--name NAME] [--keep FILE]
 *
 * Drivers are files of Vulkan (VK_DRIVER_FILES). Those of another system run there, in a chroot of it (scripts/test_dawn.sh makes
 * one): with `--keep FILE` losses are kept in it, and the table is of all that are; `--name` tells them apart. The first is what
 * the others are compared with. Ends with status 1 where one does not repeat itself, or is further away than BOUNDS.
 */
import { parseArgs } from "node:util";
import { exists } from "../../src/io/files.ts";
import { formatTable } from "../../src/report/table.ts";

/** How far losses may be from those of the first, as a part of them. */
const BOUNDS = { f32: 1e-5, f16: 1e-2 };

interface Losses {
  readonly driver: string;
  readonly backend: string;
  readonly precision: "f32" | "f16";
  readonly adapter: string;
  readonly repeats: boolean;
  readonly losses: readonly number[];
}

const { values: flags, positionals: drivers } = parseArgs({
  allowPositionals: true,
  options: { name: { type: "string" }, keep: { type: "string" } },
});
const kept: Losses[] = flags.keep !== undefined && exists(flags.keep)
  ? JSON.parse(Deno.readTextFileSync(flags.keep))
  : [];
for (const driver of drivers) {
  for (const backend of ["deno", "dawn"]) {
    for (const precision of ["f32", "f16"] as const) {
      const one = await run(driver, backend, precision);
      const again = one && await run(driver, backend, precision);
      if (one === undefined || again === undefined) continue;
      const repeats = JSON.stringify(one.losses) === JSON.stringify(again.losses);
      kept.push({ driver: flags.name ?? driver, backend, precision, repeats, ...one });
    }
  }
}
if (flags.keep !== undefined) Deno.writeTextFileSync(flags.keep, JSON.stringify(kept));
const rows = kept.map((one) => {
  const first = kept.find(({ precision }) => precision === one.precision)!;
  const parts = one.losses.map((loss, i) => Math.abs(loss / first.losses[i]! - 1));
  const same = parts.findIndex((part) => part > 0);
  return {
    isWell: one.repeats && Math.max(...parts) <= BOUNDS[one.precision],
    cells: [
      one.driver,
      one.adapter,
      one.backend,
      one.precision,
      one.losses.at(-1)!.toFixed(5),
      one.repeats ? "yes" : "NO",
      String(same < 0 ? one.losses.length : same),
      Math.max(...parts).toExponential(1),
    ],
  };
});
const header = [
  "driver",
  "adapter",
  "backend",
  "type",
  "last loss",
  "repeats",
  "steps to the bit",
  "furthest",
];
for (const line of formatTable([header, ...rows.map(({ cells }) => cells)])) console.log(line);
Deno.exit(rows.every(({ isWell }) => isWell) ? 0 : 1);

/** The losses of a process of its own; undefined, with a line that says why, where there are none. */
async function run(driver: string, backend: string, precision: string) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      new URL("adapter_losses.ts", import.meta.url).pathname,
      backend,
      precision,
    ],
    env: { VK_DRIVER_FILES: driver, DENO_WEBGPU_BACKEND: "vulkan" },
  }).output();
  const text = new TextDecoder().decode(success ? stdout : stderr).trim();
  const found: Pick<Losses, "adapter" | "losses"> | undefined = success ? JSON.parse(text) : undefined;
  if (found !== undefined && found.losses.length > 0) return found;
  const why = text.split("\n").find((line) => /error:/i.test(line)) ?? text;
  console.log(`${driver} on ${backend}, ${precision}: ${success ? "has no such type" : why}`);
  return undefined;
}
