/**
 * Small folders of exactly the layouts of UPMC-Food-101, N24News and BRCA, to try what the real ones are too large for:
 *
 *     deno run -A scripts/miniatures.ts FOLDER [--classes N] [--per-class N] [--seed N]
 *
 * writes food101, food101-{jsonl,titles,folders}, n24news, n24news-{flat,whole} and brca below FOLDER. Images are JPEG files in the colours of their class, texts
 * are words of their class among others, so that there is something to learn. The same seed writes the same files.
 */
import createEncoder from "@jsquash/jpeg/codec/enc/mozjpeg_enc.js";
import { defaultOptions } from "@jsquash/jpeg/meta.js";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { csvCell } from "../src/io/csv.ts";
import { packagePath } from "../src/data/package_file.ts";
import { keyOf, Random } from "../src/base/random.ts";
import { FOOD_CLASSES } from "../src/data/readers/food_classes.ts";
import { SECTIONS } from "../src/data/readers/n24news.ts";

export interface MiniatureOptions {
  /** So many of the classes, from the first. */
  readonly classes?: number;
  /** Training samples of a class; a third of it, at least 1, in other splits. */
  readonly perClass?: number;
  readonly seed?: number;
}

const WORDS = "the of and with fresh local city people new story great simple plate table season".split(" ");
const HEIGHT = 40, WIDTH = 48;

let encoder: Promise<
  { encode(data: BufferSource, width: number, height: number, options: object): Uint8Array }
>;

/** A JPEG file of RGBA bytes. */
export async function encodeJpeg(
  pixels: Uint8ClampedArray<ArrayBuffer>,
  width: number,
  height: number,
): Promise<Uint8Array> {
  const wasm = packagePath("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm");
  encoder ??= Promise.resolve(
    createEncoder({ wasmBinary: Deno.readFileSync(wasm).buffer, noInitialRun: true }),
  );
  return (await encoder).encode(pixels, width, height, { ...defaultOptions, quality: 60 }).slice();
}

/** A JPEG file of coloured noise. */
export async function jpegOf(label: number, random: Random): Promise<Uint8Array> {
  const { pixels, width, height } = pixelsOf(label, random);
  return await encodeJpeg(pixels, width, height);
}

/** RGBA bytes of coloured noise; classes differ in hue, samples in brightness and noise. */
export function pixelsOf(label: number, random: Random) {
  const colour = [0, 1, 2].map((c) => 128 + 100 * Math.sin(label * 2.4 + c * 2.1));
  const light = random.between(0.7, 1.1);
  const pixels = new Uint8ClampedArray(HEIGHT * WIDTH * 4).fill(255);
  for (let y = 0; y < HEIGHT; y += 4) {
    for (let x = 0; x < WIDTH; x += 4) {
      const grain = random.between(-40, 40);
      for (let i = 0; i < 16; i++) {
        const at = ((y + (i >> 2)) * WIDTH + x + (i & 3)) * 4;
        for (let c = 0; c < 3; c++) pixels[at + c] = colour[c]! * light + grain;
      }
    }
  }
  return { pixels, width: WIDTH, height: HEIGHT };
}

/** Some words, those of the class among them. */
export function textOf(name: string, random: Random): string {
  const words = [name.replaceAll("_", " "), ...WORDS.filter(() => random.uniform() < 0.4)];
  random.shuffle(words);
  return words.join(" ");
}

interface Part {
  readonly label: number;
  readonly name: string;
  /** Within the class and over all splits. */
  readonly number: number;
  readonly split: string;
  readonly random: Random;
}

/** The samples of all classes; the first split is that of training. */
function* partsOf(
  names: readonly string[],
  splits: readonly string[],
  { classes = names.length, perClass = 6, seed = 1 }: MiniatureOptions,
): Generator<Part> {
  for (const [label, name] of names.slice(0, classes).entries()) {
    let number = 0;
    for (const [index, split] of splits.entries()) {
      const count = index === 0 ? perClass : Math.max(1, Math.round(perClass / 3));
      for (let i = 0; i < count; i++, number++) {
        yield { label, name, number, split, random: new Random(keyOf(seed, label, number)) };
      }
    }
  }
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  if (typeof content === "string") await Deno.writeTextFile(path, content);
  else await Deno.writeFile(path, content);
}

const csv = (rows: readonly (readonly string[])[]) =>
  rows.map((cells) => cells.map(csvCell).join(",") + "\n").join("");

/** UPMC-Food-101 as it is handed on: with the published split, as lists of MMBT, with titles only, as folders alone. */
export async function writeFood101(
  folder: string,
  layout: "published" | "jsonl" | "titles" | "folders",
  options: MiniatureOptions = {},
): Promise<void> {
  const rows: Record<string, string[][]> = { train: [], test: [] };
  const objects: Record<string, object[]> = { train: [], dev: [], test: [] };
  for (const { label, name, number, split, random } of partsOf(FOOD_CLASSES, ["train", "test"], options)) {
    const id = `${name}_${number}.jpg`;
    const text = textOf(name, random);
    const title = `${text[0]!.toUpperCase()}${text.slice(1)}, "easy" | Recipe ${number}`;
    await write(join(folder, "images", split, name, id), await jpegOf(label, random));
    const list = split === "train" && number % 3 === 2 ? "dev" : split;
    objects[list]!.push({
      id: `${name}_${id}`,
      label: name,
      text: title,
      img: `images/${split}/${name}/${id}`,
    });
    rows[split]!.push(layout === "titles" ? [id, title, name] : [id, title, name, String(label)]);
    if (layout === "titles" || layout === "jsonl") continue;
    const page = `${title}\n\n<b>Ingredients</b>: ${textOf(name, random)};\n${
      textOf(name, random)
    } (2 cups)\n`;
    await write(join(folder, "texts_txt", name, `${name}_${number}.txt`), page);
  }
  if (layout === "folders") return;
  if (layout === "jsonl") {
    for (const [list, some] of Object.entries(objects)) {
      await write(join(folder, `${list}.jsonl`), some.map((one) => JSON.stringify(one) + "\n").join(""));
    }
    return;
  }
  for (const [split, lines] of Object.entries(rows)) {
    const [file, header] = layout === "titles"
      ? [`texts/${split}_titles.csv`, []]
      : [`${split}.csv`, [["id", "text", "annotation", "label"]]];
    await write(join(folder, file), csv([...header, ...lines]));
  }
}

/** N24News as its authors distribute it, with the lists beside the images, or as the one list that their script builds. */
export async function writeN24News(
  folder: string,
  options: MiniatureOptions = {},
  layout: "published" | "flat" | "whole" = "published",
): Promise<void> {
  const lists: Record<string, object[]> = { train: [], dev: [], test: [] };
  const images = layout === "whole" ? "images" : "imgs";
  const body = layout === "whole" ? "body" : "article";
  for (const { label, name, number, split, random } of partsOf(SECTIONS, ["train", "dev", "test"], options)) {
    const image_id = `${100_000 + label * 1000 + number}`;
    await write(join(folder, images, `${image_id}.jpg`), await jpegOf(label, random));
    const text = () => textOf(name, random);
    lists[split]!.push({
      section: name,
      headline: text(),
      article_url: `https://www.nytimes.com/${image_id}.html`,
      [body]: `${text()}. ${text()}; ${text()}.`,
      abstract: text(),
      article_id: image_id,
      image_id,
      caption: text(),
    });
  }
  if (layout === "whole") {
    const { train, dev, test } = lists;
    await write(join(folder, "nytimes_dataset_full.json"), JSON.stringify([...train!, ...dev!, ...test!]));
    return;
  }
  for (const [split, list] of Object.entries(lists)) {
    const name = `nytimes_${split}.json`;
    await write(join(folder, layout === "flat" ? name : `news/${name}`), JSON.stringify(list));
  }
}

/** Feature matrices in the layout of MOGONET, as ROSMAP (2 classes) and BRCA (5) have them: of three views. */
export async function writeFeatures(
  folder: string,
  { classes = 5, perClass = 12, seed = 1 }: MiniatureOptions = {},
): Promise<void> {
  const names = Array.from({ length: classes }, (_, label) => String(label));
  const lines: Record<string, string[][]> = {};
  for (const { label, split, random } of partsOf(names, ["tr", "te"], { classes, perClass, seed })) {
    const numbers = (width: number) =>
      Array.from(
        { length: width },
        (_, i) => (0.5 + (i % classes === label ? 0.3 : 0) + random.between(-0.2, 0.2)).toExponential(18),
      );
    for (const [view, width] of [8, 6, 4].entries()) {
      (lines[`${view + 1}_${split}`] ??= []).push(numbers(width));
    }
    (lines[`labels_${split}`] ??= []).push([label.toExponential(18)]);
  }
  for (const [name, rows] of Object.entries(lines)) await write(join(folder, `${name}.csv`), csv(rows));
}

if (import.meta.main) {
  const { values, positionals: [folder] } = parseArgs({
    allowPositionals: true,
    options: {
      "classes": { type: "string" },
      "per-class": { type: "string", default: "6" },
      "seed": { type: "string", default: "1" },
    },
  });
  if (folder === undefined) {
    console.error("usage: deno run -A scripts/miniatures.ts FOLDER [--classes N] [--per-class N] [--seed N]");
    Deno.exit(2);
  }
  const options = {
    ...(values.classes !== undefined && { classes: Number(values.classes) }),
    perClass: Number(values["per-class"]),
    seed: Number(values.seed),
  };
  await writeFood101(join(folder, "food101"), "published", options);
  for (const layout of ["jsonl", "titles", "folders"] as const) {
    await writeFood101(join(folder, `food101-${layout}`), layout, options);
  }
  await writeN24News(join(folder, "n24news"), options);
  for (const layout of ["flat", "whole"] as const) {
    await writeN24News(join(folder, `n24news-${layout}`), options, layout);
  }
  await writeFeatures(join(folder, "brca"), { seed: options.seed });
}
