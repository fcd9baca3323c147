/**
 * A table as a spreadsheet saves it where fractions have commas, for docs/spreadsheet.md:
 *
 *     deno run -A scripts/spreadsheet.ts FOLDER [--per-class N] [--seed N]
 *
 * writes items.csv into FOLDER, and new.csv, of which no category is known: cells parted by semicolons, fractions with commas,
 * a byte order mark, CRLF; the pictures are WebP files, and three of them are not there. The same seed writes the same files.
 */
import createEncoder from "@jsquash/webp/codec/enc/webp_enc.js";
import { defaultOptions } from "@jsquash/webp/meta.js";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packagePath } from "../src/data/package_file.ts";
import { keyOf, Random } from "../src/base/random.ts";
import { pixelsOf, textOf } from "./miniatures.ts";

const CATEGORIES = ["Garden", "Kitchen", "Office", "Toys"];
const WITHOUT_PICTURE = [7, 23, 41];

/** Items without a category. */
const NEW = [
  "Item;Picture;Description;Weight (kg);Price",
  '9001;pictures/1002.webp;"great season with the Office table";2,10;12,50',
  '9002;;"simple new kitchen";0,95;7,20',
];

/** Writes items.csv, new.csv and the folder pictures. */
export async function writeSpreadsheet(folder: string, { perClass = 300, seed = 1 } = {}): Promise<void> {
  const wasm = packagePath("@jsquash/webp/codec/enc/webp_enc.wasm");
  const encoder = await createEncoder({ wasmBinary: Deno.readFileSync(wasm).buffer, noInitialRun: true });
  await Deno.mkdir(join(folder, "pictures"), { recursive: true });
  const lines = ["Item;Picture;Description;Weight (kg);Price;Category"];
  for (let number = 0; number < perClass * CATEGORIES.length; number++) {
    const label = number % CATEGORIES.length;
    const random = new Random(keyOf(seed, number));
    const other = Math.floor(random.uniform() * CATEGORIES.length);
    // Neither pictures nor descriptions tell of every item what it is.
    const { pixels, width, height } = pixelsOf(random.uniform() < 0.7 ? label : other, random);
    const picture = WITHOUT_PICTURE.includes(number) ? "" : `pictures/${1000 + number}.webp`;
    if (picture !== "") {
      const file = encoder.encode(pixels, width, height, defaultOptions)!;
      await Deno.writeFile(join(folder, picture), file);
    }
    const decimal = (value: number, digits: number) => value.toFixed(digits).replace(".", ",");
    lines.push([
      String(1000 + number),
      picture,
      `"${textOf(random.uniform() < 0.8 ? CATEGORIES[label]! : "shop", random)}"`,
      decimal((label + 1) * random.between(0.2, 0.9), 2),
      decimal(random.between(3, 40), 2),
      CATEGORIES[label]!,
    ].join(";"));
  }
  for (const [name, content] of [["items.csv", lines], ["new.csv", NEW]] as const) {
    await Deno.writeTextFile(join(folder, name), "\ufeff" + content.join("\r\n") + "\r\n");
  }
}

if (import.meta.main) {
  const { values, positionals: [folder] } = parseArgs({
    allowPositionals: true,
    options: { "per-class": { type: "string", default: "300" }, seed: { type: "string", default: "1" } },
  });
  if (folder === undefined) {
    console.error("usage: deno run -A scripts/spreadsheet.ts FOLDER [--per-class N] [--seed N]");
    Deno.exit(2);
  }
  await writeSpreadsheet(folder, { perClass: Number(values["per-class"]), seed: Number(values.seed) });
}
