/** Tables that a test writes down and reads as samples. */
import { join } from "node:path";
import type { SampleIndex } from "../../../src/data/index/sample_index.ts";
import { indexTable } from "../../../src/data/readers/table.ts";
import type { TableOptions } from "../../../src/data/readers/table_options.ts";
import { temporaryFolder } from "../../io/crafted.ts";

/** All rows for training, their class in "label". */
export const TABLE: Omit<TableOptions, "file" | "modalities"> = {
  label: "label",
  split: null,
  id: null,
  weight: null,
  classes: null,
  validationShare: 0,
  testShare: 0,
  splitSeed: 1,
  maxWords: 100,
};

/** The index of a table with this content; the name of the file says how it is read. */
export async function indexWritten(
  name: string,
  content: string | Uint8Array,
  options: Omit<TableOptions, "file">,
): Promise<SampleIndex> {
  using folder = temporaryFolder();
  const file = join(folder.path, name);
  Deno.writeFileSync(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
  return await indexTable({ ...options, file });
}
