/** Reads UPMC-Food-101: photographs of dishes, each with the page or the title it was found with. */
import { join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { cleanText, firstWords } from "../text/clean_text.ts";
import { type CsvRow, parseCsv } from "../../io/csv.ts";
import { exists } from "../../io/files.ts";
import { InnerPaths } from "../index/inner_path.ts";
import { BadRow, IndexBuilder, labelOf, numbersOf, ofFile, pathOf } from "../index/index_builder.ts";
import type { SampleIndex } from "../index/sample_index.ts";
import { cleanName } from "../index/names.ts";
import { readAnyText, readUtf8 } from "../../io/text_file.ts";
import { FOOD_CLASSES } from "./food_classes.ts";

export interface Food101Options {
  readonly root: string;
  /**
   * "published": `train.csv` and `test.csv` with the columns id, text, annotation and label, and pages in
   * `texts_txt/<class>/<id>.txt`; "titles": `texts/{train,test}_titles.csv` of image, title and class, without a header.
   * Images are `images/{train,test}/<class>/<id>` in both. "auto" looks which files are there.
   */
  readonly layout: "auto" | "published" | "titles";
  /** The page, as the published code reads it, or the title; "auto" is the page where the layout has pages. */
  readonly text: "auto" | "page" | "title";
  /** How many of the training samples are held back, drawn from every class alike by `splitSeed`. */
  readonly validationSamples: number;
  readonly splitSeed: number;
  /** The longest text, in words. */
  readonly maxWords: number;
}

interface Row {
  readonly id: string;
  readonly title: string;
  readonly annotation: string;
  /** The number of the class as the file has it. */
  readonly label?: string;
}

const PUBLISHED = { train: "train.csv", test: "test.csv" } as const;
const TITLES = { train: "texts/train_titles.csv", test: "texts/test_titles.csv" } as const;
const COLUMNS = ["id", "text", "annotation", "label"] as const;

/** Lists the samples; texts are cleaned as published. Throws a UserError where the folder has neither layout. */
export function indexFood101(options: Food101Options): SampleIndex {
  const { root, validationSamples, splitSeed, maxWords } = options;
  const layout = options.layout === "auto" ? layoutOf(root) : options.layout;
  const text = options.text === "auto" ? (layout === "published" ? "page" : "title") : options.text;
  if (text === "page" && layout === "titles") {
    throw new UserError(`"data.text" is page, but the layout titles of ${root} has titles only`);
  }
  const numbers = numbersOf(FOOD_CLASSES);
  const pages = new InnerPaths(join(root, "texts_txt"));
  const builder = new IndexBuilder();
  const labels = new Map<string, string>();
  for (const split of ["train", "test"] as const) {
    const file = (layout === "published" ? PUBLISHED : TITLES)[split];
    const images = new InnerPaths(join(root, "images", split));
    const rows = parseCsv(readUtf8(join(root, file)));
    for (
      const { line, cells, fault } of layout === "published" ? withoutHeader(rows, join(root, file)) : rows
    ) {
      builder.row({ file, row: line }, cleanName(cells[0] ?? ""), () => {
        if (fault !== undefined) throw new BadRow("row", fault);
        const { id, title, annotation, label } = layout === "published" ? published(cells) : titled(cells);
        const number = labelOf(annotation, numbers);
        if (label !== undefined) mustAgree(label, annotation, labels);
        const image = pathOf("image", images, `${annotation}/${id}`);
        const page = `${annotation}/${id.replace(/\.jpg$/, "")}.txt`;
        const raw = text === "title" ? title : ofFile("text", () => readAnyText(pages.find(page)));
        return { label: number, split, inputs: { image, text: firstWords(cleanText(raw), maxWords) } };
      });
    }
  }
  return {
    name: "food101",
    source: root,
    classes: FOOD_CLASSES,
    modalities: [{ name: "image", kind: "image" }, { name: "text", kind: "text", isCleaned: true }],
    samples: builder.samples,
    faults: builder.faults,
    draws: [{
      split: "validation",
      count: validationSamples,
      seed: splitSeed,
      key: "data.validation_samples",
    }],
    expected: { train: 60_085, validation: 5_000, test: 21_683 },
  };
}

function layoutOf(root: string): "published" | "titles" {
  if (exists(join(root, PUBLISHED.train))) return "published";
  if (exists(join(root, TITLES.train))) return "titles";
  throw new UserError(
    `${root} is no folder of UPMC-Food-101: it has neither ${PUBLISHED.train} nor ${TITLES.train}`,
  );
}

/** The rows below the header; none where the file is empty. Throws a UserError for another header. */
function withoutHeader([header, ...rows]: readonly CsvRow[], path: string): readonly CsvRow[] {
  if (header === undefined) return [];
  const names = header.cells.map(cleanName);
  if (COLUMNS.every((name, at) => names[at] === name)) return rows;
  throw new UserError(`${path} must begin with the columns ${COLUMNS.join(", ")}, got ${names.join(", ")}`);
}

function published(cells: readonly string[]): Row {
  const [id, title, annotation, label] = cells;
  if (cells.length !== COLUMNS.length) {
    throw new BadRow("row", `has ${cells.length} cells, not ${COLUMNS.length}`);
  }
  return { id: cleanName(id!), title: title!, annotation: cleanName(annotation!), label: cleanName(label!) };
}

function titled(cells: readonly string[]): Row {
  const [id, title, annotation] = cells;
  if (cells.length !== 3) throw new BadRow("row", `has ${cells.length} cells, not 3: image, title, class`);
  return { id: cleanName(id!), title: title!, annotation: cleanName(annotation!) };
}

/** Throws a `BadRow` where a number stood for another class before. */
function mustAgree(label: string, annotation: string, seen: Map<string, string>): void {
  const before = seen.get(label) ?? annotation;
  seen.set(label, before);
  if (before !== annotation) {
    throw new BadRow("label", `label ${label} is ${annotation} here and ${before} in an earlier row`);
  }
}
