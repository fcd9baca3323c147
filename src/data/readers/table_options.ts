/** The options of a table of one's own, and the columns that they name. */
import { UserError } from "../../base/user_error.ts";
import type { Fold } from "../index/sample_index.ts";
import { cleanName } from "../index/names.ts";
import type { FeatureReading } from "../feature_cells.ts";
import type { TableReading } from "./table_format.ts";
import type { TargetOptions } from "./table_targets.ts";

/** The columns of a modality: one of paths or texts, one of lists of numbers (JSONL), or several of numbers. */
export type TableModality =
  | { readonly image: string }
  | { readonly text: string }
  | { readonly features: string | readonly string[] };

export interface TableOptions extends TargetOptions {
  readonly file: string;
  /** The folder that paths of images count from, itself from that of the file; null for that of the file. */
  readonly images?: string | null;
  /** Further folders in which images may lie, from that of the file. */
  readonly roots?: readonly string[];
  /** By their names. */
  readonly modalities: Readonly<Record<string, TableModality>>;
  /** True where an empty cell says that a sample lacks the modality; it is a fault if not given. */
  readonly mayLack?: boolean;
  /** The column that says train, validation or test; null to draw all splits. */
  readonly split: string | null;
  /** The column whose samples of one value stay in one split where splits are drawn; null for none. */
  readonly group?: string | null;
  /** The column that names samples; null to number them by line. */
  readonly id: string | null;
  /** The column of what a sample counts in training, a number above 0; null where all count alike. */
  readonly weight: string | null;
  /** The fractions of all rows that are drawn from every class alike by `splitSeed`, where the table does not say. */
  readonly validationShare: number;
  readonly testShare: number;
  readonly splitSeed: number;
  /** The fold of all rows that is the test split, in place of the share. */
  readonly fold?: Fold | null;
  /** The longest text, in words. */
  readonly maxWords: number;
  /** The columns of numbers that hold names of categories. */
  readonly categories?: readonly string[];
  /** How numbers are written, and whether they may be missing; with a point and all there if not given. */
  readonly numbers?: Pick<FeatureReading, "decimal" | "allowsMissing">;
  /** How the file is read, where that is not to be found out. */
  readonly reading?: TableReading;
}

/** The options with the names of columns and classes as `cleanName` has them. Throws a UserError for a class that is named twice. */
export function withCleanNames(
  { modalities, label, split, group = null, id, weight, classes, categories = [], ...rest }: TableOptions,
): TableOptions {
  const named = categories.map(cleanName);
  const clean = (name: string | null) => name === null ? null : cleanName(name);
  const cleanSource = (source: TableModality): TableModality => {
    if ("image" in source) return { image: cleanName(source.image) };
    if ("text" in source) return { text: cleanName(source.text) };
    const { features } = source;
    if (typeof features !== "string") return { features: features.map(cleanName) };
    const name = cleanName(features);
    return { features: named.includes(name) ? [name] : name }; // a list of numbers has no categories
  };
  const cleanModalities = Object.fromEntries(
    Object.entries(modalities).map(([name, source]) => [name, cleanSource(source)]),
  );
  const numbers = Object.values(cleanModalities).flatMap((source) =>
    "features" in source ? source.features : []
  );
  const stray = named.find((name) => !numbers.includes(name));
  if (stray !== undefined) {
    throw new UserError(
      `"data.categories" names "${stray}", which is no column of data.features or of a modality's`,
    );
  }
  const names = classes?.map(cleanName) ?? null;
  const wrong = names?.find((name, at) => name === "" || names.indexOf(name) !== at);
  if (wrong !== undefined) {
    const what = wrong === "" ? "a name of blanks alone" : `"${wrong}" twice`;
    throw new UserError(`"data.classes" holds ${what}`);
  }
  return {
    ...rest,
    modalities: cleanModalities,
    categories: named,
    label: typeof label === "string" ? cleanName(label) : label.map(cleanName),
    split: clean(split),
    group: clean(group),
    id: clean(id),
    weight: clean(weight),
    classes: names,
  };
}
