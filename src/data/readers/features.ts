/** Reads numeric matrices, one for each modality, in the layout of MOGONET. */
import { join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { type CsvRow, readCsv } from "../../io/csv.ts";
import { exists } from "../../io/files.ts";
import { IndexBuilder, labelOf, numbersOf } from "../index/index_builder.ts";
import type { Input, SampleIndex } from "../index/sample_index.ts";
import { cleanName, sortedClasses } from "../index/names.ts";
import { featuresOf } from "../index/numbers.ts";

export interface FeaturesOptions {
  readonly root: string;
  /**
   * The fraction of the training samples that is held back, drawn from every class alike by `splitSeed`. With 0 all are
   * learned from, and validation measures on the same samples.
   */
  readonly validationShare: number;
  readonly splitSeed: number;
  /** Classes that are known already and come first, in this order. */
  readonly knownClasses?: readonly string[];
}

const SUFFIX = { train: "tr", test: "te" } as const;

/** The names of the modalities of a folder: `view1` for `1_tr.csv`, and so on. Throws a UserError where there is none. */
export function featureViews(root: string): string[] {
  const views: string[] = [];
  while (exists(join(root, `${views.length + 1}_tr.csv`))) views.push(`view${views.length + 1}`);
  if (views.length > 0) return views;
  throw new UserError(`${root} is no folder of feature matrices: it has no 1_tr.csv`);
}

/**
 * Lists the rows of `{1..M}_{tr,te}.csv`, numbers without a header, with those of `labels_{tr,te}.csv`. Throws a
 * UserError where a matrix has more or fewer rows than there are labels.
 */
export function indexFeatures(
  { root, validationShare, splitSeed, knownClasses = [] }: FeaturesOptions,
): SampleIndex {
  const views = featureViews(root);
  const files = (split: keyof typeof SUFFIX) => ({
    split,
    labels: { file: `labels_${SUFFIX[split]}.csv`, rows: readCsv(join(root, `labels_${SUFFIX[split]}.csv`)) },
    matrices: views.map((_, view) => {
      const file = `${view + 1}_${SUFFIX[split]}.csv`;
      return { file, rows: readCsv(join(root, file)) };
    }),
  });
  const parts = [files("train"), files("test")];
  const widths = parts[0]!.matrices.map(({ rows }) => rows[0]?.cells.length ?? 0);
  const named = parts[0]!.labels.rows.map(className).filter((name) => name !== "");
  const classes = [...new Set([...knownClasses, ...sortedClasses(named)])];
  const numbers = numbersOf(classes);
  const builder = new IndexBuilder();
  for (const { split, labels, matrices } of parts) {
    for (const { file, rows } of matrices) {
      if (rows.length === labels.rows.length) continue;
      throw new UserError(
        `${join(root, file)} has ${rows.length} rows, but ${labels.file} has ${labels.rows.length}`,
      );
    }
    for (const [index, row] of labels.rows.entries()) {
      builder.row({ file: labels.file, row: row.line }, `${split}/${index + 1}`, () => ({
        label: labelOf(className(row), numbers),
        split,
        inputs: Object.fromEntries(matrices.map(({ file, rows }, view): [string, Input] => {
          const { line, cells } = rows[index]!;
          return [views[view]!, featuresOf(cells, widths[view]!, { at: { file, row: line } })];
        })),
      }));
    }
  }
  const training = builder.samples.filter(({ split }) => split === "train").length;
  const count = Math.round(validationShare * training);
  return {
    name: "features",
    source: root,
    classes,
    modalities: views.map((name, view) => ({ name, kind: "features", width: widths[view]! })),
    samples: builder.samples,
    faults: builder.faults,
    draws: [{ split: "validation", count, seed: splitSeed, key: "data.validation_share" }],
    idsArePositions: true,
    validatesOnTraining: validationShare === 0,
  };
}

/** The class that a row of labels names: a word, or a number in any notation, which is then one class. */
function className({ cells }: CsvRow): string {
  const text = cells.length === 1 ? cleanName(cells[0]!) : "";
  return text === "" || Number.isNaN(Number(text)) ? text : String(Number(text));
}
