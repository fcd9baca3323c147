/** Loads the data set of a configuration. */
import type { Dataset } from "../data/dataset.ts";
import { loadEmoji } from "../data/emoji/emoji.ts";
import { datasetFrom } from "../data/index/indexed_dataset.ts";
import { loadTokenizer } from "../data/text/load_tokenizer.ts";
import type { ImagePreparation } from "../data/images/prepare_image.ts";
import { loadPreprocessor } from "../data/images/preprocessor.ts";
import type { TextTokenizer } from "../data/text/tokenizer.ts";
import { isPretrained, type RunConfig } from "../config/run_config.ts";
import { hasInputs, type InputsConfig } from "../config/data_config.ts";
import { indexSamples, maxTokensOf } from "./index_samples.ts";
import type { RunFolder } from "../runs/run_folder.ts";
import { readSkipped } from "../runs/skipped.ts";

/**
 * Loads the data set of a configuration; `filesOf` names the folder with the tokenizer or preprocessor of a modality's
 * pretrained encoder, `note` is told what is worth knowing, and `skipped` are the samples to leave out, by `originKey`.
 */
export async function loadData(
  config: RunConfig,
  filesOf: (modality: string) => string,
  note: (message: string) => void,
  skipped: ReadonlySet<string> = new Set(),
): Promise<Dataset> {
  const { data, model } = config;
  const preparations = new Map<string, ImagePreparation>();
  const tokenizers = new Map<string, TextTokenizer>();
  for (const [name, { model_type }] of Object.entries(model.encoders)) {
    if (!isPretrained(config, name) || !hasInputs(data)) continue;
    if (model_type === "vit") preparations.set(name, await preparationFor(data.image_size, filesOf(name)));
    else tokenizers.set(name, await loadTokenizer(filesOf(name)));
  }
  if (data.name === "emoji") {
    const [preparation, tokenizer] = [preparations.get("image"), tokenizers.get("text")];
    return loadEmoji({
      labels: data.labels,
      imageSize: data.image_size,
      normalisation: { mean: data.image_mean, std: data.image_std },
      ...(preparation && { preparation }),
      ...(tokenizer && { tokenizer }),
      maxTokens: data.max_tokens,
      augmentation: augmentationOf(data),
      wordDropout: data.word_dropout,
      note,
    });
  }
  const inputs = () => {
    if (hasInputs(data)) return data;
    throw new TypeError(`The data set ${data.name} has neither images nor texts`);
  };
  return datasetFrom(indexSamples(data, model), {
    image(name) {
      const { image_size: size, image_mean: mean, image_std: std } = inputs();
      const preparation = preparations.get(name) ?? resizeTo(size);
      return { height: size, width: size, mean, std, preparation, augmentation: augmentationOf(inputs()) };
    },
    text(name) {
      const tokenizer = tokenizers.get(name);
      const longest = Math.min(
        maxTokensOf(inputs()),
        positionsOf(config, name),
        tokenizer?.maxTokens ?? Infinity,
      );
      return { ...(tokenizer && { tokenizer }), maxTokens: longest, wordDropout: inputs().word_dropout };
    },
    skipped,
    note,
  });
}

/** The data set of a run that exists, without the samples it left out. */
export function loadRunData(run: RunFolder, note: (message: string) => void): Promise<Dataset> {
  return loadData(run.config, (modality) => run.encoderFolder(modality), note, readSkipped(run));
}

function augmentationOf({ flip, shift, scale, brightness, contrast, saturation }: InputsConfig) {
  return { flip, shift, scale, brightness, contrast, saturation };
}

/** The steps of a folder's preprocessor; where its images have another size than wanted, one resize to that. */
async function preparationFor(size: number, folder: string): Promise<ImagePreparation> {
  const { spec, preparation } = await loadPreprocessor(folder);
  if (spec.height === size && spec.width === size) return preparation;
  return { filter: preparation.filter, resize: { height: size, width: size } };
}

function resizeTo(size: number): ImagePreparation {
  return { filter: "bilinear", resize: { height: size, width: size } };
}

/** The longest text that a pretrained encoder has positions for; RoBERTa counts them from the one after padding. */
function positionsOf({ model }: RunConfig, modality: string): number {
  const encoder = model.encoders[modality];
  if (encoder === undefined || !("max_position_embeddings" in encoder)) return Infinity;
  const { max_position_embeddings = Infinity, pad_token_id = 0 } = encoder;
  return max_position_embeddings - (encoder.model_type === "roberta" ? pad_token_id + 1 : 0);
}
