/** Says what a run is: its data, model, losses and machine. */
import { METRICS } from "../../metrics/chosen_metric.ts";
import { hasInputs } from "../../config/data_config.ts";
import type { RunConfig } from "../../config/run_config.ts";
import { taskOf } from "../../config/task_config.ts";
import { SPLITS } from "../../data/batch.ts";
import type { TaskName } from "../../data/targets.ts";
import { targetsText } from "../measures.ts";
import { formatCount, formatSeconds } from "../units.ts";
import { html, type Markup } from "./markup.ts";
import type { RunReport } from "./run_report.ts";

const STRENGTHS = [
  "flip",
  "shift",
  "scale",
  "brightness",
  "contrast",
  "saturation",
  "mixup",
  "cutmix",
  "word_dropout",
  "unknown_words",
] as const;

export function facts(report: RunReport): Markup {
  const { run, records, evaluation, environment } = report;
  const { config } = run;
  const sessions = environment?.sessions ?? [];
  const adapters = [
    ...new Set(sessions.map(({ adapter, adapter_class }) => `${adapter} (${adapter_class})`)),
  ];
  const training = records.reduce((sum, { seconds }) => sum + seconds, 0);
  const all = sessions.reduce((sum, { seconds }) => sum + seconds, 0);
  const entries: [string, string | undefined][] = [
    ["folder", run.path],
    ["method", config.method],
    ["data", dataText(report)],
    ["model", modelText(config)],
    ["loss", weightingText(config)],
    ["training samples", augmentationText(config)],
    ["missing modalities", missingText(config)],
    ["seed", String(config.seed)],
    ["epochs", records.length === 0 ? undefined : `${records.length} of ${config.training.epochs}`],
    ["weights tested", evaluation && `epoch ${evaluation.epoch}, ${chosenText(config)}`],
    ["batch", `${config.training.batch} in micro-batches of ${config.training.micro_batch}`],
    [
      "duration",
      `${formatSeconds(all)} in ${sessions.length} session${sessions.length === 1 ? "" : "s"}, of which ${
        formatSeconds(training)
      } epochs`,
    ],
    ["adapter", adapters.join("; ")],
    ["versions", environment && `unis ${environment.unis}, Deno ${environment.deno}, ${environment.system}`],
  ];
  return html`<dl>${
    entries.map(([name, value]) =>
      value !== undefined && html`
        <dt>${name}</dt>
        <dd>${value}</dd>
      `
    )
  }</dl>`;
}

function chosenText({ training: { keep, metric } }: RunConfig): string {
  return keep === "last" ? "the last" : `the best in validation by ${METRICS[metric].title}`;
}

const LOSSES: Readonly<Record<TaskName, string>> = {
  classification: "cross entropy",
  multi_label: "binary cross entropy",
  regression: "squared error in standard deviations",
};

/** What is right, where that is not the class. */
function rightText(
  { threshold, right_overlap, tolerance }: RunConfig["training"],
  task: TaskName,
): readonly string[] {
  return {
    classification: [],
    multi_label: [`labels from ${threshold} on, right from an overlap of ${right_overlap} on`],
    regression: [`right within ${tolerance ?? "half a standard deviation"}`],
  }[task];
}

/** How the losses of heads weigh samples, where they do, and what is right in other tasks than classification. */
function weightingText({ data, training }: RunConfig): string | undefined {
  const { class_weights: weights, label_smoothing, focal_gamma } = training;
  const parts = [
    ...(weights === "none"
      ? []
      : [`classes weighed (${weights === "balanced" ? weights : JSON.stringify(weights)})`]),
    ...(data.name === "table" && data.weight !== null ? [`samples weighed by "${data.weight}"`] : []),
    ...(label_smoothing > 0 ? [`label smoothing ${label_smoothing}`] : []),
    ...(focal_gamma > 0 ? [`focal, γ ${focal_gamma}`] : []),
  ];
  const task = taskOf(data);
  if (parts.length === 0 && task === "classification") return undefined;
  return [LOSSES[task], ...parts, ...rightText(training, task)].join(", ");
}

/** What stands for a modality that samples lack, and how often one is withheld; undefined where all must have all. */
function missingText({ data: { missing, withhold }, training }: RunConfig): string | undefined {
  if (missing === "refuse") return undefined;
  const withheld = SPLITS.filter((split) => withhold[split] > 0).map((split) =>
    `withheld from ${withhold[split]} of ${split}`
  );
  return [
    `${missing === "learned" ? "a learned vector stands" : "zeros stand"} for them`,
    ...(training.modality_dropout > 0 ? [`modality dropout ${training.modality_dropout}`] : []),
    ...withheld,
  ].join(", ");
}

/** How training samples are varied, by the keys of the configuration. */
function augmentationText({ data }: RunConfig): string | undefined {
  if (!hasInputs(data)) return undefined;
  const { random_resized_crop: crop, rand_augment: operations } = data;
  const parts = [
    ...STRENGTHS.filter((key) => data[key] > 0).map((key) => `${key} ${data[key]}`),
    ...(crop ? [`random_resized_crop ${crop.scale.join(" to ")}`] : []),
    ...(operations ? [`rand_augment ${operations.operations} of ${operations.magnitude}`] : []),
  ];
  return parts.length === 0 ? undefined : `varied by ${parts.join(", ")}`;
}

/** `emoji, 9 classes; 2,720 training, 554 validation, 538 test samples` */
function dataText({ run, table, classCounts, sampleCounts }: RunReport): string {
  const { data } = run.config;
  const names = (count: number) => targetsText(taskOf(data), count);
  if (classCounts === undefined || sampleCounts === undefined) {
    return table === undefined ? data.name : `${data.name}, ${names(table.classes.length)}`;
  }
  const [train, validation, test] = SPLITS.map((split) => formatCount(sampleCounts[split]));
  return `${data.name}, ${
    names(classCounts.size)
  }; ${train} training, ${validation} validation, ${test} test samples`;
}

/** `image: vit, 2 layers of 64; text: bert from bert-base-uncased, 12 layers of 768` */
function modelText({ model }: RunConfig): string {
  return Object.entries(model.encoders).map(([name, encoder]) => {
    const { model_type, pretrained } = encoder;
    const sizes = encoder as { num_hidden_layers?: unknown; hidden_size?: unknown };
    const layers = sizes.num_hidden_layers === undefined
      ? ""
      : `, ${sizes.num_hidden_layers} layers of ${sizes.hidden_size}`;
    return `${name}: ${model_type}${pretrained ? ` from ${pretrained.source}` : ""}${layers}`;
  }).join("; ");
}
