/** What a run keeps of a modality of numbers: ranges of its features, and what each of its cells becomes. */
import * as z from "zod";
import type { FeaturePreprocessing } from "../data/preprocessing.ts";

const numbers = z.array(z.number());

export const featureSchema = z.strictObject({
  name: z.string(),
  kind: z.literal("features"),
  columns: z.array(z.string()),
  minimum: numbers,
  maximum: numbers,
  /** Where cells are not numbers alone: what each becomes, see `FeatureCell`. */
  cells: z.array(z.union([
    z.strictObject({ column: z.string(), mean: z.number().nullable(), indicator: z.boolean() }),
    z.strictObject({ column: z.string(), categories: z.array(z.string()) }),
  ])).optional(),
  decimal: z.literal(",").optional(),
});
type FeatureFile = z.infer<typeof featureSchema>;

export function featuresToFile(
  { name, kind, columns, minimum, maximum, cells, decimal }: FeaturePreprocessing,
): FeatureFile {
  return {
    name,
    kind,
    columns: [...columns],
    minimum: [...minimum],
    maximum: [...maximum],
    ...(cells && {
      cells: cells.map((cell) =>
        "categories" in cell ? { ...cell, categories: [...cell.categories] } : { ...cell }
      ),
    }),
    ...(decimal && { decimal }),
  };
}

export function featuresFromFile(
  { minimum, maximum, cells, decimal, ...rest }: FeatureFile,
): FeaturePreprocessing {
  return {
    ...rest,
    minimum: Float64Array.from(minimum),
    maximum: Float64Array.from(maximum),
    ...(cells && { cells }),
    ...(decimal && { decimal }),
  };
}
