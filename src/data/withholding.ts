/** A data set of which some modalities are withheld, whatever its samples have. */
import { chosenRows } from "./chosen_rows.ts";
import { absentFrom, type Dataset } from "./dataset.ts";

/** The same samples, of whose modalities only those that are `left` are seen. */
export function withholding(data: Dataset, left: readonly string[]): Dataset {
  const same = chosenRows(data, (split) => data.count(split), (_, row) => row);
  return {
    ...same,
    has: (split, row, modality) => left.includes(modality) && same.has!(split, row, modality),
    async batch(split, rows, augment, only) {
      const wanted = data.modalities.filter(({ name }) => only?.includes(name) !== false);
      const seen = wanted.map(({ name }) => name).filter((name) => left.includes(name));
      const batch = await same.batch(split, rows, augment, seen);
      const absent = wanted.filter(({ name }) => !left.includes(name))
        .map((spec) => [spec.name, absentFrom(rows.length, spec)] as const);
      return { ...batch, modalities: { ...batch.modalities, ...Object.fromEntries(absent) } };
    },
  };
}
