/** Explains answers as they come, with pictures of what counts in images where a folder is named. */
import { basename, join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { type Batch, placeIn } from "../../data/batch.ts";
import type { StreamedRow } from "../../data/readers/table_format.ts";
import { unwritable } from "../../io/file_bytes.ts";
import { exists } from "../../io/files.ts";
import { NewFolder } from "../../io/new_folder.ts";
import { heatMap } from "../../report/heat_map.ts";
import type { Explainer, Explanation } from "../../train/explainer.ts";

/** The explanation of an answer, and the paths of its pictures by modality. */
export interface ShownExplanation extends Explanation {
  readonly heatMaps: Readonly<Record<string, string>>;
}

/** Pixels of the longer side of a picture, at least. */
const SIDE = 224;

export class Explanations implements Disposable {
  readonly #explainer: Explainer;
  readonly #folder: NewFolder | undefined;

  /** Throws a UserError where pictures cannot be written into `folder`, which must be new. */
  constructor(explainer: Explainer, folder?: string) {
    this.#explainer = explainer;
    if (folder !== undefined && exists(folder)) {
      throw new UserError(`Cannot write --heat-maps ${folder}: it exists; name a new folder`);
    }
    this.#folder = folder === undefined ? undefined : new NewFolder(folder);
  }

  /** Explains the answers to rows, of which `batch` was made. */
  async of(batch: Batch, rows: readonly StreamedRow[]): Promise<ShownExplanation[]> {
    const explanations = await this.#explainer.explain(batch);
    return explanations.map((one, i) => ({ ...one, heatMaps: this.#draw(one, batch, i, rows[i]!) }));
  }

  #draw({ patches }: Explanation, batch: Batch, number: number, row: StreamedRow): Record<string, string> {
    const folder = this.#folder;
    if (folder === undefined) return {};
    return Object.fromEntries(
      Object.entries(patches).flatMap(([name, weights]) => {
        const input = batch.modalities[name]!;
        if (input.kind !== "image") return [];
        const place = placeIn(input, number);
        if (place === undefined) return [[name, ""]];
        const { height, width } = input;
        const size = height * width * 3;
        const pixels = input.pixels.subarray(place * size, (place + 1) * size);
        const file = `${row.file === undefined ? "" : `${basename(row.file)}-`}row-${row.line}.${name}.png`;
        const path = join(folder.filled, file);
        try {
          Deno.writeFileSync(path, heatMap({ pixels, height, width }, weights, SIDE));
        } catch (error) {
          throw unwritable(path, error);
        }
        return [[name, folder.placeOf(path)]];
      }),
    );
  }

  /** Makes the pictures appear; gives their folder. */
  finish(): string[] {
    if (this.#folder === undefined) return [];
    this.#folder.place();
    return [this.#folder.path];
  }

  [Symbol.dispose](): void {
    this.#folder?.[Symbol.dispose]();
  }
}
