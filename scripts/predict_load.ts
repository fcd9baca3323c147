/**
 * Predicts tables of growing length, of drawings of emoji and words, and prints how many rows a second it answers, how
 * much memory the process has taken at most, and for what share of the time the adapter worked.
 *
 *     deno run -A scripts/predict_load.ts RUN [--rows 1000,10000,100000] [--images 300] [--sides 24,224] [--timed 2000]
 *
 * The run reads an image and a text; heights and widths of the drawings lie between `--sides`. Each table goes through a
 * process of its own, with the flags of `deno task predict`; the adapter is timed in this one, over `--timed` rows,
 * dispatch by dispatch (timestamp queries), which takes a little longer. Peaks are the kernel's, so it runs on Linux only.
 * Ends with status 1 where a peak is more than 5 % above that of the first table.
 */
import { encode } from "fast-png";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { predictTable } from "../src/app/predict/predict_table.ts";
import { PredictSession } from "../src/app/predict/session.ts";
import { answerWriter } from "../src/app/predict/writers.ts";
import { Random } from "../src/base/random.ts";
import { readStyle } from "../src/data/emoji/images.ts";
import { decodeRgb } from "../src/data/images/image.ts";
import { resizeLikePillow } from "../src/data/images/pillow_resize.ts";
import { writeFully } from "../src/io/file_bytes.ts";
import { formatTable } from "../src/report/table.ts";
import { formatCount } from "../src/report/units.ts";
import { encodeJpeg } from "./miniatures.ts";
import { engineFlags } from "./task_flags.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const WORDS = "cat dog sun red heart flag of big small face smile tree car house water".split(" ");
const ALLOWED = 1.05;
const LOOK_MILLISECONDS = 20;

const { values: flags, positionals: [run] } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: "string", default: "1000,10000,100000" },
    images: { type: "string", default: "300" },
    sides: { type: "string", default: "24,224" },
    timed: { type: "string", default: "2000" },
  },
});
if (run === undefined) {
  console.error(
    "usage: predict_load.ts RUN [--rows 1000,10000,100000] [--images N] [--sides LEAST,MOST] [--timed ROWS]",
  );
  Deno.exit(2);
}

/** Writes drawings of many sizes, every second as JPEG and the others as PNG; gives their names. */
async function writeImages(folder: string, count: number, random: Random): Promise<string[]> {
  const drawings = [...(await readStyle("google")).paths.values()];
  const [least, most] = flags.sides.split(",").map(Number);
  const side = () => Math.floor(random.between(least!, most! + 1));
  return await Promise.all(Array.from({ length: count }, async (_, i) => {
    const [height, width] = [side(), side()];
    const drawing = await decodeRgb(await Deno.readFile(drawings[i * 7 % drawings.length]!));
    const { pixels } = resizeLikePillow(drawing, height, width, "bilinear");
    const name = `${i}.${i % 2 === 0 ? "png" : "jpg"}`;
    const bytes = i % 2 === 0
      ? encode({ width, height, channels: 3, data: pixels })
      : await encodeJpeg(opaque(pixels), width, height);
    await Deno.writeFile(join(folder, name), bytes);
    return name;
  }));
}

function opaque(rgb: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(rgb.length / 3 * 4).fill(255);
  for (let i = 0; i < rgb.length / 3; i++) rgba.set(rgb.subarray(i * 3, i * 3 + 3), i * 4);
  return rgba;
}

/** A table in which the drawings come round again and again, each time with other words; gives its path. */
function writeTable(folder: string, rows: number, images: readonly string[], random: Random): string {
  const path = join(folder, `${rows}.csv`);
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const word = () => WORDS[Math.floor(random.between(0, WORDS.length))]!;
  let text = "id,image,text\n";
  for (let i = 0; i < rows; i++) {
    text += `${i},${images[i % images.length]},${Array.from({ length: 2 + i % 6 }, word).join(" ")}\n`;
    if (text.length < 1 << 16 && i < rows - 1) continue;
    writeFully(file, new TextEncoder().encode(text));
    text = "";
  }
  return path;
}

/** Runs `unis predict` on a table. The peak is in MiB. */
async function predicted(table: string): Promise<{ seconds: number; peak: number }> {
  const start = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      ...engineFlags("predict"),
      join(ROOT, "main.ts"),
      "predict",
      run!,
      "--data",
      table,
      "--out",
      `${table}.out.csv`,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  let peak = 0, isOver = false;
  const status = child.status.finally(() => isOver = true);
  while (!isOver) {
    const text = await Deno.readTextFile(`/proc/${child.pid}/status`).catch(() => "");
    peak = Math.max(peak, Number(text.match(/^VmHWM:\s*(\d+)/m)?.[1] ?? 0) / 1024);
    await new Promise((done) => setTimeout(done, LOOK_MILLISECONDS));
  }
  if (!(await status).success) throw new Error(`unis predict failed on ${basename(table)}`);
  return { seconds: (performance.now() - start) / 1000, peak };
}

/** The seconds that a table takes in this process, and those in which the adapter works, copies of operands included. */
async function timed(table: string): Promise<{ seconds: number; busy: number; adapter: string }> {
  using session = await PredictSession.begin(run!, "auto");
  const predict = () =>
    predictTable(session, table, {
      skipBad: false,
      writer: answerWriter("csv", { classes: session.classes, top: 1, all: false }),
      print: () => {},
    });
  await predict(); // everything is compiled
  session.gpu.startProfiling();
  const start = performance.now();
  await predict();
  const seconds = (performance.now() - start) / 1000;
  const times = await session.gpu.stopProfiling();
  const busy = times.reduce((sum, { milliseconds, copying }) => sum + milliseconds + copying, 0) / 1000;
  return { seconds, busy, adapter: session.gpu.name };
}

const folder = await Deno.makeTempDir({ prefix: "unis-predict-load-" });
let isFlat = true;
try {
  const random = new Random(1);
  const images = await writeImages(folder, Number(flags.images), random);
  const rows = [["rows", "seconds", "rows a second", "peak MiB", "to the first"]];
  let first = 0;
  for (const count of flags.rows.split(",").map(Number)) {
    const { seconds, peak } = await predicted(writeTable(folder, count, images, random));
    first ||= peak;
    isFlat &&= peak <= ALLOWED * first;
    const ratio = (peak / first).toFixed(3);
    rows.push([formatCount(count), seconds.toFixed(1), (count / seconds).toFixed(0), peak.toFixed(0), ratio]);
    console.log(rows.at(-1)!.join("  "));
  }
  console.log(`\n${formatTable(rows).join("\n")}`);
  const count = Number(flags.timed);
  const { seconds, busy, adapter } = await timed(writeTable(folder, count, images, random));
  const [speed, share] = [(count / seconds).toFixed(0), (100 * busy / seconds).toFixed(0)];
  console.log(
    `\nAdapter     ${adapter}: busy for ${share} % of the time, at ${speed} rows a second while it is timed`,
  );
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(isFlat ? 0 : 1);
