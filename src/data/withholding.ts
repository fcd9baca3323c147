/** A data set of which some modalities are withheld, whatever its samples have. */
import type { Split } from "./batch.ts";
import { absentFrom, type Dataset } from "./dataset.ts";

/** The same samples, of whose modalities only those that are `left` are seen. */
export function withholding(data: Dataset, left: readonly string[]): Dataset {
  return {
    name: data.name,
    ...(data.task && { task: data.task }),
    ...(data.scale && { scale: data.scale }),
    classes: data.classes,
    modalities: data.modalities,
    count: (split) => data.count(split),
    id: (split, row) => data.id(split, row),
    label: (split, row) => data.label(split, row),
    ...(data.target && { target: (split: Split, row: number) => data.target!(split, row) }),
    has: (split, row, modality) => left.includes(modality) && (data.has?.(split, row, modality) ?? true),
    text: (split, row) => data.text(split, row),
    async batch(split, rows, augment, only) {
      const wanted = data.modalities.filter(({ name }) => only?.includes(name) !== false);
      const seen = wanted.map(({ name }) => name).filter((name) => left.includes(name));
      const batch = await data.batch(split, rows, augment, seen);
      const absent = wanted.filter(({ name }) => !left.includes(name))
        .map((spec) => [spec.name, absentFrom(rows.length, spec)] as const);
      return { ...batch, modalities: { ...batch.modalities, ...Object.fromEntries(absent) } };
    },
  };
}
