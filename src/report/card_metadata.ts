/**
 * The metadata of a model card, as the Hugging Face hub reads them from the head of a README.md:
 * https://huggingface.co/docs/hub/model-cards#model-card-metadata.
 */
import type { Split } from "../data/batch.ts";
import type { ExportFormat, ExportSource } from "../export/export_format.ts";
import type { InputKind } from "../models/encoders/inputs.ts";
import type { SplitSummary } from "../runs/preprocessing.ts";
import type { Evaluation } from "../runs/records.ts";
import { type MeasureKey, measuresIn } from "./measures.ts";

/** An export, and what its card tells beyond it. */
export interface CardSource extends Omit<ExportSource, "weights" | "note"> {
  /** The name of the model. */
  readonly name: string;
  readonly format: ExportFormat;
  /** The epoch whose weights they are. */
  readonly epoch: number;
  /** Whether the export has a predict.py. */
  readonly hasScript: boolean;
  /** The test of these weights; undefined where they have not been tested. */
  readonly evaluation: Evaluation | undefined;
  readonly splits: Readonly<Record<Split, SplitSummary>>;
}

/** The task of the hub for a classifier of one kind of input; it has none for several. */
const PIPELINES: Readonly<Record<InputKind, string>> = {
  image: "image-classification",
  text: "text-classification",
  features: "tabular-classification",
};
/** Of numbers the hub has one task. */
const REGRESSION = "tabular-regression";
const SEVERAL = "multimodal-classification";
const SEVERAL_REGRESSION = "multimodal-regression";

/** The metrics of the hub that our measures are. */
const METRICS: Readonly<Record<MeasureKey, { readonly type: string; readonly args?: object }>> = {
  accuracy: { type: "accuracy" },
  top_2: { type: "accuracy", args: { k: 2 } },
  top_5: { type: "accuracy", args: { k: 5 } },
  macro_f1: { type: "f1", args: { average: "macro" } },
  weighted_f1: { type: "f1", args: { average: "weighted" } },
  balanced_accuracy: { type: "balanced_accuracy" },
  auc: { type: "roc_auc" },
  average_precision: { type: "average_precision" },
  label_accuracy: { type: "hamming_accuracy" },
  micro_f1: { type: "f1", args: { average: "micro" } },
  samples_f1: { type: "f1", args: { average: "samples" } },
  mae: { type: "mae" },
  rmse: { type: "rmse" },
  r2: { type: "r_squared" },
  pearson: { type: "pearsonr" },
};

/** The metadata of a card. There is no licence among them: whoever publishes a model chooses it. */
export function cardMetadata(source: CardSource): Record<string, unknown> {
  const { run, preprocessing: { dataset, task }, encoders, format, evaluation, name } = source;
  const kinds = [...new Set(encoders.flatMap(({ specs }) => Object.values(specs).map(({ kind }) => kind)))];
  const isNumber = task === "regression";
  const single = kinds.length === 1 ? PIPELINES[kinds[0]!] : undefined;
  const pipeline = isNumber ? (kinds.join() === "features" ? REGRESSION : undefined) : single;
  const several = isNumber ? SEVERAL_REGRESSION : SEVERAL;
  const bases = encoders.flatMap(({ settings: { pretrained } }) =>
    // Without a commit it came from a folder, whose path is no one else's business.
    pretrained && pretrained.commit !== null ? [pretrained.source] : []
  );
  const tags = ["unis", format.name, run.config.method, ...(pipeline ? [] : [several]), ...kinds];
  return {
    ...(pipeline && { pipeline_tag: pipeline }),
    library_name: format.name,
    tags: [...new Set(tags)],
    ...(bases.length > 0 && { base_model: [...new Set(bases)] }),
    ...(evaluation && {
      "model-index": [{
        name,
        results: [{
          task: { type: pipeline ?? several },
          dataset: { name: dataset, type: dataset, split: evaluation.split },
          metrics: metricsOf(source),
        }],
      }],
    }),
  };
}

/** Every measure of every head; the head that gives the answer of the model comes first. */
function metricsOf({ evaluation, model }: CardSource): object[] {
  return model.heads.toReversed().flatMap((head) =>
    measuresIn(evaluation!).flatMap(([key, title]) => {
      const value = evaluation![key]?.[head];
      // A model that diverged has none.
      return value === undefined || !Number.isFinite(value)
        ? []
        : [{ ...METRICS[key], name: `${title}, ${head}`, value }];
    })
  );
}
