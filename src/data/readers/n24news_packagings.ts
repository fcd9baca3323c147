// The ways in which N24News is handed on: in three splits, or as one list, as its authors' script builds it.
import { join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { isJsonObject } from "../../io/strict_json.ts";
import { exists } from "../../io/files.ts";
import { readUtf8 } from "../../io/text_file.ts";
import type { Split } from "../batch.ts";
import { cleanName } from "../index/names.ts";
import { type ListedRow, NOTHING, type Packaging, PREPARED } from "./listed_rows.ts";

const EXPECTED = [{ train: 48_988, validation: 6_123, test: 6_124 }];
const FILES = [["train", "train"], ["validation", "dev"], ["test", "test"]] as const;

/** In the order in which they are looked for. */
export const N24_PACKAGINGS: readonly Packaging[] = [
  PREPARED,
  inSplits("published", "news/"),
  inSplits("flat", ""),
  whole("nytimes_dataset_full.json"),
  whole("nytimes_dataset.json"),
  whole("news/nytimes_dataset.json"),
];

function inSplits(layout: string, folder: string): Packaging {
  const fileOf = (name: string) => `${folder}nytimes_${name}.json`;
  return {
    layout,
    lists: FILES.map(([, name]) => fileOf(name)),
    expected: EXPECTED,
    rows: (root) => FILES.flatMap(([split, name]) => articles(root, fileOf(name), split)),
  };
}

function whole(file: string): Packaging {
  return {
    layout: "whole",
    lists: [file],
    expected: EXPECTED,
    rows: (root) => articles(root, file, "train"),
  };
}

function articles(root: string, file: string, split: Split): ListedRow[] {
  // The script of its authors calls the folder "images".
  const images = !exists(join(root, "imgs")) && exists(join(root, "images")) ? "images" : "imgs";
  return readList(join(root, file)).map((article, index): ListedRow => {
    const { image_id, section, ...fields } = isJsonObject(article) ? article : {};
    const id = cleanName(String(image_id ?? ""));
    const origin = { file, row: index + 1, id, split };
    if (typeof image_id !== "string" || typeof section !== "string") {
      return { ...NOTHING, ...origin, fault: `must be an article with texts as "image_id" and "section"` };
    }
    const given = { ...fields, body: fields.article ?? fields.body };
    const texts = ["headline", "caption", "abstract", "body"].flatMap((kind) => {
      const text = (given as Record<string, unknown>)[kind];
      return typeof text === "string" || text === null ? [[kind, text]] : [];
    });
    return {
      ...origin,
      image: `${images}/${id}.jpg`,
      label: cleanName(section),
      texts: Object.fromEntries(texts),
    };
  });
}

/** The files are of some 100 MB: too large for the strict reader of small ones. */
function readList(path: string): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(readUtf8(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot read ${path}: it is not valid JSON`);
  }
  if (!Array.isArray(value)) throw new UserError(`Cannot read ${path}: it is not a list of articles`);
  return value;
}
