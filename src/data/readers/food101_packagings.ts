// The ways in which UPMC-Food-101 is handed on. The first distribution is images and pages alone; its split into
// training and test is that of the folders of images.
import { join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { type CsvRow, parseCsv } from "../../io/csv.ts";
import { readUtf8 } from "../../io/text_file.ts";
import { cleanName } from "../index/names.ts";
import { FOOD_CLASSES } from "./food_classes.ts";
import { jsonRows, type ListedRow, NOTHING, type Packaging, PREPARED, textIn } from "./listed_rows.ts";

const COLUMNS = ["id", "text", "annotation", "label"] as const;
const BOTH = ["train", "test"] as const;

/** In the order in which they are looked for. */
export const FOOD101_PACKAGINGS: readonly Packaging[] = [
  PREPARED,
  {
    // Of the authors of UniS-MMC: those of the first distribution that have an image and a page.
    layout: "published",
    lists: ["train.csv", "test.csv"],
    texts: ["page", "title"],
    expected: [{ train: 60_085, validation: 5_000, test: 21_683 }],
    rows: (root, repair) =>
      BOTH.flatMap((split) => {
        const file = `${split}.csv`;
        return csvRows(root, file, split, repair, true, ([id, title, label, number]) => ({
          texts: { page: pageOf(label!, id!), title: title! },
          number: cleanName(number!),
        }));
      }),
  },
  {
    // As the script of MMBT makes them, of pages, and those who came after it, of titles.
    layout: "jsonl",
    lists: ["train.jsonl", "dev.jsonl", "test.jsonl"],
    texts: ["text"],
    expected: [{ train: 60_101, validation: 5_000, test: 21_695 }, { validation: 5_000, test: 22_715 }],
    rows: (root) =>
      ([["train", "train"], ["dev", "validation"], ["test", "test"]] as const).flatMap(([name, split]) =>
        jsonRows(root, `${name}.jsonl`, (row) => {
          const [id, image, label] = ["id", "img", "label"].map((column) => cleanName(textIn(row, column)));
          return { id: id!, split, image: image!, label: label!, texts: { text: textIn(row, "text") } };
        })
      ),
  },
  {
    // On Kaggle, with titles alone.
    layout: "titles",
    lists: ["texts/train_titles.csv", "texts/test_titles.csv"],
    texts: ["title"],
    expected: [{ train: 62_972, validation: 5_000, test: 22_716 }],
    rows: (root, repair) =>
      BOTH.flatMap((split) =>
        csvRows(
          root,
          `texts/${split}_titles.csv`,
          split,
          repair,
          false,
          ([, title]) => ({ texts: { title: title! } }),
        )
      ),
  },
  {
    // The first distribution.
    layout: "folders",
    lists: ["texts_txt"],
    texts: ["page"],
    expected: [{ train: 60_101, validation: 5_000, test: 21_695 }],
    rows: (root) =>
      BOTH.flatMap((split) =>
        FOOD_CLASSES.flatMap((label) => {
          const folder = `images/${split}/${label}`;
          return namesIn(join(root, folder)).map((id, index) => ({
            ...{ file: folder, row: index + 1, id, split, label, image: `${folder}/${id}` },
            texts: { page: pageOf(label, id) },
          }));
        })
      ),
  },
];

const pageOf = (label: string, id: string) =>
  `texts_txt/${cleanName(label)}/${cleanName(id).replace(/\.\w+$/, "")}.txt`;

/** The files of a folder in alphabetical order; none where there is no such folder, which the counts will tell. */
function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/**
 * The rows of a list of image, title and class, and with a header the number of the class. Known faults of published lists
 * are a quote that is never closed, and rows after it whose image has the ending of its page.
 */
function csvRows(
  root: string,
  file: string,
  split: "train" | "test",
  repair: boolean,
  header: boolean,
  rest: (cells: readonly string[]) => Pick<ListedRow, "texts" | "number">,
): ListedRow[] {
  const text = readUtf8(join(root, file));
  const rows = parseCsv(text);
  const lines = rows.some(({ fault }) => fault !== undefined) ? text.split(/\r\n|\r|\n/) : [];
  const width = header ? COLUMNS.length : 3;
  const what = header ? "" : ": image, title, class";
  return (header ? withoutHeader(rows, join(root, file)) : rows).map((row): ListedRow => {
    const origin = { file, row: row.line, split };
    const faulty = (id: string, fault: string) => ({ ...NOTHING, ...origin, id, fault });
    const mended = row.fault === undefined ? undefined : withoutQuote(lines[row.line - 1]!, width);
    const cells = mended ?? row.cells;
    const name = cleanName(cells[0] ?? "");
    if (row.fault !== undefined && mended === undefined) return faulty(name, row.fault);
    if (cells.length !== width) return faulty(name, `has ${cells.length} cells, not ${width}${what}`);
    const id = name.replace(/\.txt$/, ".jpg");
    const repairs = [
      ...(mended === undefined ? [] : ["a quote that is never closed is a character of its text"]),
      ...(id === name ? [] : [`${name} stands for the image ${id}`]),
    ];
    if (repairs.length > 0 && !repair) {
      return faulty(name, `${row.fault ?? "has the name of a page in place of its image"}${REPAIRABLE}`);
    }
    const label = cleanName(cells[2]!);
    return {
      ...{ ...origin, id, label, image: `images/${split}/${label}/${id}` },
      ...rest(cells.with(0, id)),
      ...(repairs.length > 0 && { repaired: repairs.join("; ") }),
    };
  });
}

const REPAIRABLE = `; "unis data prepare food101" repairs that`;

/** The cells of a line whose quotes mean nothing, where it then ends with a class: what lies before that is the text. */
function withoutQuote(line: string, width: number): string[] | undefined {
  const parts = line.split(",");
  if (parts.length < width) return undefined;
  const last = parts.splice(parts.length - (width - 2));
  if (!FOOD_CLASSES.includes(cleanName(last[0]!))) return undefined;
  const [first, ...title] = parts;
  return [first!, title.join(",").replace(/^"/, "").replaceAll('""', '"'), ...last];
}

/** The rows below the header; none where the file is empty. Throws a UserError for another header. */
function withoutHeader([header, ...rows]: readonly CsvRow[], path: string): readonly CsvRow[] {
  if (header === undefined) return [];
  const names = header.cells.map(cleanName);
  if (COLUMNS.every((name, at) => names[at] === name)) return rows;
  throw new UserError(`${path} must begin with the columns ${COLUMNS.join(", ")}, got ${names.join(", ")}`);
}
