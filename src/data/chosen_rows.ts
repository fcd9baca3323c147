/** Makes a data set of some rows of another. */
import type { Split } from "./batch.ts";
import type { Dataset } from "./dataset.ts";

/** `count` rows of each split, row i of which is row `rowOf(split, i)` of `data`; nothing else of it changes. */
export function chosenRows(
  data: Dataset,
  count: (split: Split) => number,
  rowOf: (split: Split, row: number) => number,
): Dataset {
  return {
    name: data.name,
    ...(data.task && { task: data.task }),
    ...(data.scale && { scale: data.scale }),
    classes: data.classes,
    modalities: data.modalities,
    count,
    id: (split, row) => data.id(split, rowOf(split, row)),
    label: (split, row) => data.label(split, rowOf(split, row)),
    ...(data.target && { target: (split: Split, row: number) => data.target!(split, rowOf(split, row)) }),
    weight: (row) => data.weight?.(rowOf("train", row)) ?? 1,
    has: (split, row, modality) => data.has?.(split, rowOf(split, row), modality) ?? true,
    text: (split, row) => data.text(split, rowOf(split, row)),
    async batch(split, rows, augment, only) {
      const batch = await data.batch(split, rows.map((row) => rowOf(split, row)), augment, only);
      return { ...batch, rows: rows.slice() };
    },
    close: () => data.close?.(),
  };
}
