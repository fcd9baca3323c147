/** Reads N24News: the photograph of a New York Times article with its headline, caption, abstract or body. */
import { join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { isJsonObject } from "../../io/strict_json.ts";
import { cleanText, firstWords } from "../text/clean_text.ts";
import { InnerPaths } from "../index/inner_path.ts";
import { BadRow, IndexBuilder, labelOf, numbersOf, pathOf } from "../index/index_builder.ts";
import type { SampleIndex } from "../index/sample_index.ts";
import { cleanName } from "../index/names.ts";
import { readUtf8 } from "../../io/text_file.ts";

export type N24Text = "headline" | "caption" | "abstract" | "body";

export interface N24NewsOptions {
  readonly root: string;
  readonly text: N24Text;
  /** Whether a body is cleaned, as published for BERT; RoBERTa reads it as it is. */
  readonly clean: boolean;
  /** The longest text, in words. */
  readonly maxWords: number;
}

/** The longest texts in tokens, as published. */
export const N24_MAX_TOKENS: Readonly<Record<N24Text, number>> = {
  headline: 20,
  caption: 100,
  abstract: 100,
  body: 512,
};

/** The classes, which are sections of the newspaper, in the order of the published code. */
export const SECTIONS: readonly string[] = [
  "Health",
  "Books",
  "Science",
  "Art & Design",
  "Television",
  "Style",
  "Travel",
  "Media",
  "Movies",
  "Food",
  "Dance",
  "Well",
  "Real Estate",
  "Fashion & Style",
  "Economy",
  "Technology",
  "Sports",
  "Your Money",
  "Theater",
  "Education",
  "Opinion",
  "Automobiles",
  "Music",
  "Global Business",
];

const FILES = { train: "train", validation: "dev", test: "test" } as const;

/** Lists the articles of `news/nytimes_{train,dev,test}.json` with `imgs/<image_id>.jpg`; an article's id is that of its image. */
export function indexN24News({ root, text, clean, maxWords }: N24NewsOptions): SampleIndex {
  const numbers = numbersOf(SECTIONS);
  const images = new InnerPaths(join(root, "imgs"));
  const field = text === "body" ? "article" : text;
  const builder = new IndexBuilder();
  for (const split of ["train", "validation", "test"] as const) {
    const file = `news/nytimes_${FILES[split]}.json`;
    for (const [index, article] of readList(join(root, file)).entries()) {
      const { image_id: id, section, [field]: raw } = isJsonObject(article) ? article : {};
      const name = cleanName(String(id ?? ""));
      builder.row({ file, row: index + 1 }, name, () => {
        if (typeof id !== "string" || typeof section !== "string") {
          throw new BadRow("row", `must be an article with texts as "image_id" and "section"`);
        }
        const label = labelOf(section, numbers);
        const image = pathOf("image", images, `${name}.jpg`);
        if (typeof raw !== "string" && raw !== null) throw new BadRow("row", `has no text as "${field}"`);
        const whole = raw ?? "";
        const words = firstWords(text === "body" && clean ? cleanText(whole) : whole, maxWords);
        return { label, split, inputs: { image, text: words } };
      });
    }
  }
  return {
    name: "n24news",
    source: root,
    classes: SECTIONS,
    modalities: [{ name: "image", kind: "image" }, {
      name: "text",
      kind: "text",
      isCleaned: text === "body" && clean,
    }],
    samples: builder.samples,
    faults: builder.faults,
    expected: { train: 48_988, validation: 6_123, test: 6_124 },
  };
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
