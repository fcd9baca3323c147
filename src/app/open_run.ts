/** Opens a run that exists: the one way to its model and its data, for every command that uses them. */
import { openData, type OpenedData } from "../build/load_dataset.ts";
import type { ModelData } from "../build/resolve_encoders.ts";
import { type Split, SPLITS } from "../data/batch.ts";
import { describeChanges, hasChanges, mustKnowClasses } from "../data/index/reconcile.ts";
import { specOf } from "../data/preprocessing.ts";
import { UserError } from "../base/user_error.ts";
import { type KeptData, readPreprocessing } from "../runs/preprocessing.ts";
import { RunFolder } from "../runs/run_folder.ts";

/** Rows that a refusal names, of each split. */
const NAMED = 5;

export class OpenRun {
  readonly run: RunFolder;
  readonly kept: KeptData;

  private constructor(run: RunFolder, kept: KeptData) {
    this.run = run;
    this.kept = kept;
  }

  /** Throws a UserError where there is no run, or one of a version that kept nothing of its data. */
  static async open(path: string): Promise<OpenRun> {
    return await OpenRun.of(RunFolder.open(path));
  }

  static async of(run: RunFolder): Promise<OpenRun> {
    return new OpenRun(run, await readPreprocessing(run));
  }

  /**
   * The same run, from a share of whose samples of a split modalities are withheld. Throws a UserError for a run that did not
   * learn to do without.
   */
  async withholding(split: Split, share: number): Promise<OpenRun> {
    const { path, config } = this.run;
    const { data } = config;
    if (data.missing === "refuse") {
      throw new UserError(
        `The run ${path} learned from samples with all modalities, so none can be withheld: train with data.missing=learned`,
      );
    }
    const withhold = { ...data.withhold, [split]: share };
    return await OpenRun.of(this.run.withConfig({ ...config, data: { ...data, withhold } }));
  }

  /** All that the model must know of the data; needs none of them. */
  get modelData(): ModelData {
    const { dataset, scale, classes, modalities } = this.kept.preprocessing;
    return { name: dataset, ...(scale && { scale }), classes, modalities: modalities.map(specOf) };
  }

  /**
   * The data as they are now, to look at the samples of `split`; `note` is told what changed since the run was made, by
   * split. Throws a UserError where samples of `split` are of classes that the run does not know.
   */
  async openData(split: Split, note: (message: string) => void): Promise<OpenedData> {
    const data = await openData(this.run, this.kept, note);
    mustKnowClasses(data, [split], this.kept.preprocessing.classes);
    for (const each of SPLITS) {
      const line = describeChanges(each, data.changes[each]);
      if (line !== undefined) note(line);
    }
    for (const line of data.notes) note(line);
    return data;
  }

  /**
   * The data to go on training with. Throws a UserError that names rows where they are not those that the run began with,
   * unless `acceptChanges`; then the run owns the new ones.
   */
  async openForTraining(acceptChanges: boolean, note: (message: string) => void): Promise<OpenedData> {
    const data = await openData(this.run, this.kept, note);
    mustKnowClasses(data, SPLITS, this.kept.preprocessing.classes);
    const changed = SPLITS.filter((split) => hasChanges(data.changes[split]));
    if (changed.length === 0) return data;
    const lines = changed.map((split) => describeChanges(split, data.changes[split])!);
    if (!acceptChanges) {
      const rows = changed.flatMap((split) => {
        const { changed, removed, added } = data.changes[split];
        return [...changed, ...removed, ...added].slice(0, NAMED);
      });
      throw new UserError(
        `The data of ${this.run.path} are not those it was trained on. ${lines.join(". ")}. Rows: ${
          rows.join("; ")
        }. Restore them, or go on with --accept-changed-data`,
      );
    }
    for (const line of [...lines, ...data.notes]) note(line);
    return data;
  }
}
