/** Writes the model card of an export, its README.md: metadata of the Hugging Face hub, and what a reader must know. */
import { METRICS } from "../metrics/chosen_metric.ts";
import type { ResolvedEncoder } from "../build/resolve_encoders.ts";
import { VERSION } from "../base/version.ts";
import { cellNames, type ModalityPreprocessing } from "../data/preprocessing.ts";
import { SPLITS } from "../data/batch.ts";
import type { TaskName } from "../data/targets.ts";
import { toYaml } from "../io/yaml_file.ts";
import { wilson } from "../metrics/intervals.ts";
import { architectureOf, fuses } from "../models/methods/method.ts";
import { cardMetadata, type CardSource } from "./card_metadata.ts";
import { formatMeasure, measuresIn } from "./measures.ts";
import { formatCount, formatInterval, formatShare } from "./units.ts";

/** Classes and columns that a card names; of more it says how many there are. */
const NAMED = 200;

export function modelCard(source: CardSource): string {
  const parts = [
    heading(source),
    use(source),
    model(source),
    results(source),
    data(source),
    limits(source),
    LICENCE,
  ];
  return `---\n${toYaml(cardMetadata(source))}---\n\n${parts.join("\n\n")}\n`;
}

// Paragraphs and entries of lists stand on one line each, as names of any length may be in them.
const LICENCE =
  "## Licence\n\nNone is stated. Whoever publishes this model says under which licence, as `license:` in the " +
  "block at the top of this file; the data it was trained on, and pretrained weights it began with, may bind that choice.";

/** What a model tells, by its task. */
const TOLD: Readonly<
  Record<TaskName, {
    does(classes: readonly string[], inputs: string): string;
    readonly prints: string;
    readonly names: string;
    readonly limit: string;
  }>
> = {
  classification: {
    does: (classes, inputs) => `Tells ${formatCount(classes.length)} classes apart by ${inputs}`,
    prints: "It prints the probability of every class by every head.",
    names: "Classes",
    limit:
      "It knows these classes alone, and finds the likeliest of them in whatever it is given, be it of none.",
  },
  multi_label: {
    does: (classes, inputs) =>
      `Tells which of ${formatCount(classes.length)} labels a sample has by ${inputs}`,
    prints: "It prints the probability of every label by every head, each by itself.",
    names: "Labels",
    limit: "It knows these labels alone.",
  },
  regression: {
    does: ([name], inputs) => `Tells the number ${plain(name!)} by ${inputs}`,
    prints: "It prints the number by every head, in the units of the training samples.",
    names: "Number",
    limit: "It was trained on numbers in a range, and is of little use far beyond it.",
  },
};

function toldBy({ preprocessing: { task = "classification" } }: Pick<CardSource, "preprocessing">) {
  return TOLD[task];
}

function heading(source: CardSource): string {
  const { name, preprocessing: { classes }, encoders } = source;
  const inputs = modalitiesOf(encoders).map(plain).join(" and ");
  return `# ${plain(name)}\n\n${
    toldBy(source).does(classes, inputs)
  }. Trained and exported by unis ${VERSION}.`;
}

function use({ format, hasScript, ...source }: CardSource): string {
  const about = `## How to use\n\nThe format is ${format.description}.`;
  if (!hasScript) return about;
  const examples: Record<ModalityPreprocessing["kind"], string> = {
    image: "picture.png",
    text: "some words",
    features: "1.5,2,0.25",
  };
  const given = inputsOf(source).map(({ name, kind }) => `"${name}=${examples[kind]}"`);
  return `${about}

\`\`\`sh
pip install ${format.packages.join(" ")}
python predict.py ${given.join(" ")}
python predict.py < samples.jsonl
\`\`\`

${
    [
      toldBy(source).prints,
      "In `samples.jsonl` every line is an object with a value for each input:",
      "the path of an image, a text, or a list of numbers.",
    ].join(" ")
  }`;
}

function model(source: CardSource): string {
  const {
    run: { config },
    model: { method, heads },
    encoders,
    preprocessing: { classes },
    epoch,
    precision,
  } = source;
  const named = classes.slice(0, NAMED).map(plain).join("; ");
  const fusion = fuses(method) ? `; fusion: ${plain(architectureOf(method).description)}` : "";
  const chosen = config.training.keep === "best"
    ? `the best of the validation samples by ${METRICS[config.training.metric].title}`
    : "the last of training";
  return list("Model", [
    `${toldBy(source).names}: ${named}${moreThan(classes)}.`,
    ...answerText(source),
    ...inputsOf(source).map(inputText),
    ...encoders.map(encoderText),
    `Method: ${plain(config.method)}, which learns from ${plain(method.description)}${fusion}.`,
    `Heads: ${heads.map(plain).join(", ")}; the last one gives the answer.`,
    `Training: seed ${config.seed}, batches of ${config.training.batch}. The weights are those of epoch ${epoch}, ${chosen}, in ${precision}.`,
  ]);
}

/** When a label is given, or how a number is learned. */
function answerText({ run: { config: { training } }, preprocessing: { task, scale } }: CardSource): string[] {
  if (task === "multi_label") return [`A label is given from a probability of ${training.threshold} on.`];
  return scale === undefined ? [] : [
    `The number is learned in standard deviations, ${scale.std}, from the mean, ${scale.mean}, of the training samples.`,
  ];
}

function inputText(modality: ModalityPreprocessing): string {
  const name = plain(modality.name);
  if (modality.kind === "image") {
    return `Input ${name}: an image, laid over ${
      modality.preparation.background ?? "white"
    } where it is transparent, at ${modality.height} x ${modality.width} pixels.`;
  }
  if (modality.kind === "text") {
    const { isFitted, maxTokens, tokenizer: { vocabularySize } } = modality;
    const from = isFitted ? "made from the training texts" : "that came with the encoder";
    return `Input ${name}: a text, its first ${maxTokens} tokens, by a vocabulary of ${
      formatCount(vocabularySize)
    } pieces ${from}.`;
  }
  const columns = cellNames(modality);
  return `Input ${name}: ${formatCount(columns.length)} ${
    modality.cells === undefined ? "numbers" : "values"
  }: ${columns.slice(0, NAMED).map(plain).join("; ")}${moreThan(columns)}.`;
}

function encoderText({ name, type, settings, config }: ResolvedEncoder): string {
  const { pretrained } = settings;
  const sizes = config.num_hidden_layers === undefined
    ? ""
    : `, ${config.num_hidden_layers} layer${
      config.num_hidden_layers === 1 ? "" : "s"
    } of ${config.hidden_size}`;
  const from = pretrained === undefined
    ? "from scratch"
    : pretrained.commit === null
    ? "from pretrained weights of a local folder"
    : `from ${plain(pretrained.source)} at commit ${pretrained.commit}`;
  return `Encoder ${plain(name)}: ${type.title}${sizes}, ${from}.`;
}

function results({ evaluation, model }: CardSource): string {
  if (evaluation === undefined) return "## Results\n\nThese weights have not been tested.";
  const { samples, split } = evaluation;
  const measures = measuresIn(evaluation);
  const header = [
    "head",
    ...measures.flatMap(([key, title]) => key === "accuracy" ? [title, "95 % interval"] : [title]),
  ];
  const rows = model.heads.map((head) => [
    plain(head),
    ...measures.flatMap(([key]) => {
      const value = evaluation[key]![head]!;
      if (key !== "accuracy") return [formatMeasure(key, value)];
      return [formatShare(value), formatInterval(wilson(Math.round(value * samples), samples))];
    }),
  ]);
  return `## Results

On the ${
    formatCount(samples)
  } samples of the ${split} split, by the definitions of scikit-learn; intervals are Wilson's.

${table(header, rows)}`;
}

function data({ preprocessing: { dataset }, splits }: CardSource): string {
  const rows = SPLITS.map((split) => {
    const { samples, inputs, labels } = splits[split];
    return [split, formatCount(samples), `\`${inputs}\``, `\`${labels}\``];
  });
  return `## Data

It was trained on the training samples of ${
    plain(dataset)
  }. By the digests one can tell whether other samples are the same.

${table(["split", "samples", "digest of inputs", "digest of labels"], rows)}`;
}

function limits(source: CardSource): string {
  const texts = inputsOf(source).filter((modality) => modality.kind === "text");
  return list("Limits", [
    toldBy(source).limit,
    ...source.evaluation
      ? [
        "The results are those on samples of the same origin as the training samples; on others it may do worse.",
      ]
      : [],
    ...(source.preprocessing.task === "regression" ? [] : [calibration(source)]),
    ...texts.length > 0 ? ["Texts are cut after their first tokens."] : [],
    ...texts.some(({ isFitted }) => isFitted)
      ? ["Word pieces that no training text had are all one to it."]
      : [],
    ...inputsOf(source).length > 1 ? ["It wants every input of a sample; none may be missing."] : [],
    ...source.precision === "f16"
      ? ["Rounding to f16 changes probabilities a little; the results are those of the weights in f32."]
      : [],
  ]);
}

/** Whether the probabilities of the answer can be believed, with what was measured of it. */
function calibration({ temperatures, evaluation, model, hasScript }: CardSource): string {
  const head = model.heads.at(-1)!;
  const temperature = temperatures[head];
  if (temperature === undefined) return "The probabilities have not been calibrated.";
  const { raw, calibrated } = evaluation?.calibration?.[head] ?? {};
  const measured = raw === undefined || calibrated === undefined
    ? ""
    : `, which changes their expected calibration error on the test samples from ${formatShare(raw.ece)} to ${
      formatShare(calibrated.ece)
    }`;
  return `Probabilities are calibrated by temperatures that were fitted on the validation samples (${
    plain(head)
  }: ${temperature.toFixed(2)})${measured}; ${
    hasScript ? "predict.py divides logits by them." : "logits are to be divided by them."
  }`;
}

/** The modalities that encoders read, each once. */
function modalitiesOf(encoders: readonly ResolvedEncoder[]): string[] {
  return [...new Set(encoders.flatMap(({ specs }) => Object.values(specs).map(({ name }) => name)))];
}

/** The modalities that the model reads, as they were fitted. */
function inputsOf(
  { preprocessing: { modalities }, encoders }: Pick<CardSource, "preprocessing" | "encoders">,
) {
  const read = modalitiesOf(encoders);
  return modalities.filter(({ name }) => read.includes(name));
}

/** Says how many of some names are left out. */
function moreThan(names: readonly string[]): string {
  return names.length > NAMED ? `; and ${formatCount(names.length - NAMED)} more` : "";
}

function list(title: string, lines: readonly string[]): string {
  return `## ${title}\n\n${lines.map((line) => `- ${line}`).join("\n")}`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

/** A text that Markdown shows as it is, on one line. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[\\`*_{}[\]<>()#+!|~]/g, "\\$&");
}
