/** Inputs as people have them, by what is peculiar about them. */
import { join } from "node:path";
import { decodeRgb } from "../../src/data/images/image.ts";
import { encodeJpeg } from "../miniatures.ts";

type Content = string | Uint8Array;

export interface Input {
  /** By their paths below a folder. */
  readonly files: Readonly<Record<string, Content>>;
  /** Links, with what they lead to. */
  readonly links?: Readonly<Record<string, string>>;
  /** The table, or its folder; items.csv if not given. */
  readonly data?: string;
  /** Settings, in which FOLDER stands for the folder. */
  readonly set?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

const FIXTURES = new URL("../../tests/fixtures", import.meta.url).pathname;
const bytes = (path: string) => Deno.readFileSync(join(FIXTURES, path));
const text = (content: string) => new TextEncoder().encode(content);
const latin1 = (content: string) => Uint8Array.from(content, (character) => character.charCodeAt(0));
const utf16 = (content: string) => {
  const view = new DataView(new ArrayBuffer(2 * content.length));
  for (let i = 0; i < content.length; i++) view.setUint16(2 * i, content.charCodeAt(i), true);
  return new Uint8Array(view.buffer);
};

const HEADER = ["picture", "title", "age", "label", "split"];
const SPLITS = ["train", "train", "train", "train", "validation", "validation", "test", "test"];
const COLOURS = ["red", "blue"];
type Row = string[];
/** Four samples for training and two each for the other splits, without pictures unless `picture` says where. */
const rows = (change: (row: Row, number: number) => Row = (row) => row): Row[] =>
  SPLITS.map((split, i) => change(["", `a thing, number ${i}`, `${i}.5`, COLOURS[i % 2]!, split], i));
const csv = (some: readonly Row[], delimiter = ",", header: readonly string[] = HEADER) =>
  [header, ...some].map((row) =>
    row.map((cell) =>
      cell.includes(delimiter) || /["\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
    )
      .join(delimiter) + "\n"
  ).join("");
const at = (column: string, change: (cell: string, number: number) => string) => (row: Row, number: number) =>
  row.with(HEADER.indexOf(column), change(row[HEADER.indexOf(column)]!, number));

const LEARNED = { "data.label": "label", "data.split": "split" };
const TEXT = { ...LEARNED, "data.text": "title" };
const NUMBERS = { ...TEXT, "data.features": "age" };
const IMAGE = { ...LEARNED, "data.image": "picture", "data.text": "title" };

const texts = (content: Content, set: Record<string, string> = {}): Input => ({
  files: { "items.csv": content },
  set: { ...TEXT, ...set },
});
const numbers = (content: Content, set: Record<string, string> = {}): Input => ({
  files: { "items.csv": content },
  set: { ...NUMBERS, ...set },
});
const OTHERS = [
  ...["png_rgb.png", "jpeg_420.jpg", "png_palette_8_bit.png", "jpeg_wide.jpg", "jpeg_exif_6.jpg"].map((
    name,
  ) => `images/${name}`),
  ...["webp_lossy_50.webp", "gif_palette.gif", "bmp_rgb.bmp"].map((name) => `image_formats/${name}`),
];
/** A table whose first picture is this one, under this name; the others are sound. */
function picture(name: string, content: Content | undefined, more: Partial<Input> = {}): Input {
  const others = Object.fromEntries(
    OTHERS.slice(1).map((path, i) => [`${i + 1}.${path.split(".").at(-1)}`, bytes(path)]),
  );
  const names = [name, ...Object.keys(others)];
  return {
    ...more,
    files: {
      "items.csv": csv(rows((row, i) => row.with(0, names[i]!))),
      ...others,
      ...(content !== undefined && { [name]: content }),
      ...more.files,
    },
    set: { ...IMAGE, ...more.set },
  };
}
/** Has enough contrast to be compared. */
const DRAWING = "images/png_16_bit_rgb.png";
/** The same picture as a JPEG of little quality. */
async function asJpeg(png: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const { pixels, width, height } = await decodeRgb(png);
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) rgba.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
  return await encodeJpeg(rgba, width, height);
}
const json = (row: Row) => {
  const [, title, age, label, split] = row;
  return JSON.stringify({ title, age: Number(age), label, split }) + "\n";
};
const fixture = (
  name: string,
  label: string,
  modality: string,
  column: string,
  content = bytes(`tables/${name}`),
): Input => ({
  files: { [name]: content },
  data: name,
  set: { "data.label": label, [modality]: column, "data.validation_share": ".3", "data.test_share": ".3" },
});

export const INPUTS: Readonly<Record<string, Readonly<Record<string, Input>>>> = {
  "Images": {
    "WebP": picture("a.webp", bytes("image_formats/webp_lossy_90.webp")),
    "an animated WebP": picture("a.webp", bytes("image_formats/webp_animated.webp")),
    "an animated GIF": picture("a.gif", bytes("image_formats/gif_animated.gif")),
    "AVIF": picture("a.avif", bytes("image_formats/avif_420.avif")),
    "a JPEG in CMYK": picture("a.jpg", bytes("image_formats/jpeg_cmyk.jpg")),
    "a PNG of 16 bits": picture("a.png", bytes("image_formats/png_16_bit_grey.png")),
    "a TIFF of several pages": picture("a.tif", bytes("image_formats/tiff_pages.tif")),
    "a BMP with a palette": picture("a.bmp", bytes("image_formats/bmp_palette.bmp")),
    "a WebP named .jpg": picture("a.jpg", bytes("image_formats/webp_lossy_90.webp")),
    "a transparent PNG over black": picture("a.png", bytes("images/png_alpha.png"), {
      set: { "data.background": "black" },
    }),
    "a background that is no colour": picture("a.png", bytes("images/png_alpha.png"), {
      set: { "data.background": "sky" },
    }),
    "HEIC": picture("a.heic", text("\0\0\0 ftypheic")),
    "SVG": picture("a.svg", text('<svg xmlns="http://www.w3.org/2000/svg"/>')),
    "a page of HTML named .jpg": picture("a.jpg", text("<!DOCTYPE html><html>")),
    "a JPEG that is cut off": picture("a.jpg", bytes("images/jpeg_420.jpg").subarray(0, 300)),
    "an empty file": picture("a.jpg", new Uint8Array()),
    "a file that is not there": picture("a.jpg", undefined),
    "what Git LFS has not fetched": picture(
      "a.jpg",
      `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`,
    ),
    "pictures in data.images": picture("../pictures/a.png", bytes("images/png_rgb.png"), {
      data: "tables/items.csv",
      files: {
        "tables/items.csv": csv(rows((row, i) => row.with(0, `${i}.png`))),
        ...Object.fromEntries(SPLITS.map((_, i) => [`pictures/${i}.png`, bytes(OTHERS[i]!)])),
      },
      set: { "data.images": "../pictures" },
    }),
    "a path that leads out of the folder": picture("../a.png", undefined),
    "an absolute path within data.roots": picture("FOLDER/archive/a.png", undefined, {
      data: "tables/items.csv",
      files: {
        "tables/items.csv": csv(rows((row, i) => row.with(0, `FOLDER/archive/${i}.png`))),
        ...Object.fromEntries(SPLITS.map((_, i) => [`archive/${i}.png`, bytes(OTHERS[i]!)])),
      },
      set: { "data.roots": '["FOLDER/archive"]' },
    }),
    "an absolute path": picture("/etc/a.png", undefined),
    "a link within the folder": picture("a.png", undefined, {
      files: { "store/x": bytes("images/png_rgb.png") },
      links: { "a.png": "store/x" },
    }),
    "a link that leads out of it": picture("a.png", undefined, { links: { "a.png": "/etc/hostname" } }),
    "the cache of Hugging Face": {
      files: {
        "hub/snapshots/abc/items.csv": csv(rows((row, i) => row.with(0, `${i}.png`))),
        ...Object.fromEntries(SPLITS.map((_, i) => [`hub/blobs/${i}`, bytes(OTHERS[i]!)])),
      },
      links: Object.fromEntries(SPLITS.map((_, i) => [`hub/snapshots/abc/${i}.png`, `../../blobs/${i}`])),
      data: "hub/snapshots/abc/items.csv",
      set: IMAGE,
    },
  },
  "Tables": {
    "commas": texts(csv(rows())),
    "semicolons": texts(csv(rows(), ";")),
    "tabs, in a .tsv": { files: { "items.tsv": csv(rows(), "\t") }, data: "items.tsv", set: TEXT },
    "bars": texts(csv(rows(), "|")),
    "another delimiter, which is said": texts(csv(rows(), "^"), { "data.delimiter": "^" }),
    "a byte order mark and the line ends of Windows": texts("\ufeff" + csv(rows()).replaceAll("\n", "\r\n")),
    "UTF-16": texts(utf16("\ufeff" + csv(rows(), "\t"))),
    "UTF-16, which is said": texts(utf16("\ufeff" + csv(rows(), "\t")), { "data.encoding": "utf-16" }),
    "Latin-1": texts(latin1(csv(rows(at("title", (title) => `${title} é`))))),
    "Latin-1, which is said": texts(latin1(csv(rows(at("title", (title) => `${title} é`)))), {
      "data.encoding": "latin1",
    }),
    "a quote that is never closed": texts(csv(rows()).replace('"a thing, number 2"', '"a thing number 2')),
    "a quote within a cell": texts(csv(rows()).replace('"a thing, number 2"', 'a 12" thing')),
    "too many cells in a row": texts(csv(rows()).replace('"a thing, number 2"', "a thing, number 2")),
    "a column without a name": texts(
      csv(rows().map((row, i) => [String(i), ...row]), ",", ["", ...HEADER]),
    ),
    "columns that stand twice, unused": texts(
      csv(rows().map((row) => [...row, "1", "2"]), ",", [...HEADER, "more", "more"]),
    ),
    "a used column that stands twice": texts(
      csv(rows().map((row) => [...row, "x"]), ",", [...HEADER, "label"]),
    ),
    "a column that is misspelt": texts(csv(rows()), { "data.text": "titel" }),
    "a table without rows": texts(csv([])),
    "an empty file": texts(""),
    "objects of JSON, a line each": {
      files: { "items.jsonl": rows().map(json).join("") },
      data: "items.jsonl",
      set: NUMBERS,
    },
    "a line of JSON that is cut off": {
      files: { "items.jsonl": rows().map(json).join("").slice(0, -9) },
      data: "items.jsonl",
      set: NUMBERS,
    },
    "Parquet with bytes of images": fixture("zstd.parquet", "label", "data.image", "picture"),
    "Parquet of Hugging Face, an image of which is not there": fixture(
      "hugging_face.parquet",
      "label",
      "data.image",
      "image",
    ),
    "a Parquet file that is cut off": fixture(
      "hugging_face.parquet",
      "label",
      "data.image",
      "image",
      bytes("tables/hugging_face.parquet").subarray(0, 900),
    ),
    "shards of WebDataset": {
      files: Object.fromEntries(
        ["train-000.tar", "train-001.tar", "test-000.tar"].map((
          name,
        ) => [`s/${name}`, bytes(`tables/${name}`)]),
      ),
      data: "s",
      set: { "data.label": "cls", "data.image": "png", "data.split": "split", "data.validation_share": ".3" },
    },
    "a shard that is cut off": {
      files: { "a.tar": bytes("tables/train-000.tar").subarray(0, 4000) },
      data: "a.tar",
      set: { "data.label": "cls", "data.image": "png" },
    },
  },
  "Numbers": {
    "numbers": numbers(csv(rows())),
    "decimal commas": numbers(csv(rows(at("age", (age) => age.replace(".", ","))), ";")),
    "decimal commas, which are said": numbers(csv(rows(at("age", (age) => age.replace(".", ","))), ";"), {
      "data.decimal": ",",
    }),
    "a number that is missing": numbers(csv(rows(at("age", (age, i) => i === 1 ? "" : age)))),
    "a number that is missing, with data.missing_numbers=mean": numbers(
      csv(rows(at("age", (age, i) => i === 1 ? "NA" : age))),
      { "data.missing_numbers": "mean" },
    ),
    "a number that is a word": numbers(csv(rows(at("age", (age, i) => i === 1 ? "old" : age)))),
    "a column of names": numbers(csv(rows(at("age", (_, i) => ["oak", "elm"][i % 2]!))), {
      "data.categories": '["age"]',
    }),
  },
  "Labels": {
    "labels with blanks around them": texts(csv(rows(at("label", (label) => ` ${label} `)))),
    "labels that differ in case": texts(csv(rows(at("label", (label, i) => i === 2 ? "Red" : label)))),
    "a label that is empty": texts(csv(rows(at("label", (label, i) => i === 1 ? " " : label)))),
    "a label that training has not": texts(csv(rows(at("label", (label, i) => i === 7 ? "green" : label)))),
    "a class of one sample": texts(csv(rows(at("label", (label, i) => i === 3 ? "green" : label)))),
    "one class alone": texts(csv(rows(at("label", () => "red")))),
    "labels named NaN": texts(csv(rows(at("label", (label) => label === "red" ? "NaN" : label)))),
    "numbers of classes": texts(csv(rows(at("label", (_, i) => ["9", "10"][i % 2]!)))),
    "several labels in a cell": texts(csv(rows(at("label", (label, i) => i === 2 ? "red;blue" : label))), {
      "data.task": "multi_label",
      "data.labels_separator": ";",
    }),
    "a column for each label": texts(
      csv(rows().map((row, i) => [...row.slice(0, 3), String(i % 2), String((i >> 1) % 2), row[4]!]), ",", [
        ...HEADER.slice(0, 3),
        "loud",
        "late",
        "split",
      ]),
      { "data.task": "multi_label", "data.label": '["loud","late"]' },
    ),
    "a number to predict that is none": texts(csv(rows(at("label", (_, i) => i === 1 ? "many" : `${i}`))), {
      "data.task": "regression",
    }),
  },
  "Splits and texts": {
    "a split by another name": texts(
      csv(rows(at("split", (split) => split === "validation" ? "dev" : split))),
    ),
    "a split that is none": texts(csv(rows(at("split", (split) => split === "test" ? "holdout" : split)))),
    "a group that is in two splits": texts(
      csv(rows().map((row, i) => [...row, `patient ${i % 4}`]), ",", [...HEADER, "patient"]),
      { "data.group": "patient" },
    ),
    "a group that keeps together": texts(
      csv(rows().map((row, i) => [...row, `patient ${i >> 1}`]), ",", [...HEADER, "patient"]),
      {
        "data.group": "patient",
        "data.split": "null",
        "data.validation_share": ".25",
        "data.test_share": ".25",
      },
    ),
    "four folds of eight rows": texts(csv(rows()), {
      "data.split": "null",
      "data.folds": "4",
      "data.fold": "2",
    }),
    "a text of training in the test split": texts(
      csv(rows(at("title", (title, i) => i === 6 ? "A thing,  number 0" : title))),
    ),
    "an image of training in the test split": picture("a.png", bytes(OTHERS[6]!)),
    "nearly an image of training in the test split": picture("a.png", bytes(DRAWING), {
      files: { "6.gif": await asJpeg(bytes(DRAWING)) },
    }),
    "texts longer than data.max_tokens": texts(csv(rows()), { "data.max_tokens": "4" }),
    "an empty text": texts(csv(rows(at("title", (title, i) => i === 1 ? " " : title)))),
    "an empty image": {
      files: { "items.csv": csv(rows((row, i) => row.with(0, i === 1 ? "" : `${i}.png`))), ...PNGS() },
      set: IMAGE,
    },
    "an empty image, with data.missing=learned": {
      files: { "items.csv": csv(rows((row, i) => row.with(0, i === 1 ? "" : `${i}.png`))), ...PNGS() },
      set: { ...IMAGE, "data.missing": "learned" },
    },
    "a row that has nothing, with data.missing=learned": {
      files: {
        "items.csv": csv(rows((row, i) => i === 1 ? row.with(1, "") : row.with(0, `${i}.png`))),
        ...PNGS(),
      },
      set: { ...IMAGE, "data.missing": "learned" },
    },
  },
};

function PNGS(): Record<string, Uint8Array> {
  return Object.fromEntries(SPLITS.map((_, i) => [`${i}.png`, bytes(OTHERS[i]!)]));
}
