/** Builds what a configuration describes: the data set and the model. */
import type { DataSet, ModalitySpec } from "../data/data_set.ts";
import { loadEmoji } from "../data/emoji/emoji.ts";
import { loadTokenizer } from "../data/load_tokenizer.ts";
import type { ImagePreparation } from "../data/prepare_image.ts";
import { loadPreprocessor } from "../data/preprocessor.ts";
import { UserError } from "../io/user_error.ts";
import { Bert, bertConfig, robertaConfig } from "../models/bert.ts";
import type { Encoder } from "../models/encoder.ts";
import { mlpConfig, MlpEncoder } from "../models/mlp_encoder.ts";
import { UnisMmc } from "../models/unis_mmc.ts";
import { Vit, vitConfig } from "../models/vit.ts";
import type { Scope } from "../nn/parameters.ts";
import { isPretrained, type RunConfig } from "./config.ts";
import type { EncoderConfig } from "./encoder_config.ts";
import { nearest } from "./nearest.ts";

/**
 * Loads the data set of a configuration; `filesOf` names the folder with the tokenizer or preprocessor of a modality's
 * pretrained encoder;
 * `note` is told what is worth knowing.
 */
export async function loadData(
  config: RunConfig,
  filesOf: (modality: string) => string,
  note: (message: string) => void,
): Promise<DataSet> {
  const { data } = config;
  const { flip, shift, scale, brightness, contrast, saturation } = data;
  return loadEmoji({
    labels: data.labels,
    imageSize: data.image_size,
    normalisation: { mean: data.image_mean, std: data.image_std },
    ...(isPretrained(config, "image") &&
      { preparation: await preparationFor(data.image_size, filesOf("image")) }),
    ...(isPretrained(config, "text") && { tokenizer: await loadTokenizer(filesOf("text")) }),
    maxTokens: data.max_tokens,
    augmentation: { flip, shift, scale, brightness, contrast, saturation },
    wordDropout: data.word_dropout,
    note,
  });
}

/** The steps of a folder's preprocessor; where its images have another size than wanted, one resize to that. */
async function preparationFor(size: number, folder: string): Promise<ImagePreparation> {
  const { spec, preparation } = await loadPreprocessor(folder);
  if (spec.height === size && spec.width === size) return preparation;
  return { filter: preparation.filter, resize: { height: size, width: size } };
}

/** Declares the model below `at`. Throws a UserError where the configuration does not fit the data. */
export function buildModel(at: Scope, config: RunConfig, data: DataSet): UnisMmc {
  const { encoders, head, contrast_weight, contrast_temperature } = config.model;
  const names = data.modalities.map(({ name }) => name);
  mustBeModalities("model.encoders", Object.keys(encoders), names, data);
  const { learning_rates, weight_decays } = config.optimizer;
  mustBeModalities("optimizer.learning_rates", Object.keys(learning_rates), names, data);
  mustBeModalities("optimizer.weight_decays", Object.keys(weight_decays), [...names, "heads"], data);
  const builders = data.modalities.map((spec) => {
    const own = encoders[spec.name];
    if (own === undefined) {
      throw new UserError(
        `"model.encoders" needs an encoder for the ${spec.kind} "${spec.name}" of the data set`,
      );
    }
    return [spec.name, (inner: Scope) => buildEncoder(inner, own, spec)] as const;
  });
  return new UnisMmc(at, Object.fromEntries(builders), {
    method: config.method,
    classifier: { classes: data.classes.length, ...head },
    temperature: contrast_temperature,
    contrastiveWeight: contrast_weight,
  });
}

function mustBeModalities(
  key: string,
  given: readonly string[],
  names: readonly string[],
  data: DataSet,
): void {
  for (const name of given) {
    if (names.includes(name)) continue;
    const meant = nearest(name, names);
    const hint = meant === undefined ? "" : `did you mean "${key}.${meant}"? `;
    throw new UserError(
      `unknown key "${key}.${name}": ${hint}the data set ${data.name} has ${names.join(", ")}`,
    );
  }
}

function buildEncoder(at: Scope, config: EncoderConfig, spec: ModalitySpec): Encoder {
  if (config.model_type === "vit" && spec.kind === "image") {
    const { height, width, mean, std } = spec;
    if (height !== width) {
      throw new UserError(`A ViT takes square images, "${spec.name}" has ${height}x${width}`);
    }
    return new Vit(at, vitConfig({ ...config, image_size: height }), { mean, std });
  }
  if ((config.model_type === "bert" || config.model_type === "roberta") && spec.kind === "text") {
    const { vocabularySize: vocab_size, padId: pad_token_id, maxTokens } = spec;
    if (config.model_type === "bert") {
      return new Bert(
        at,
        bertConfig({ vocab_size, pad_token_id, max_position_embeddings: maxTokens, ...config }),
      );
    }
    // RoBERTa counts positions from the one after padding.
    const max_position_embeddings = maxTokens + pad_token_id + 1;
    return new Bert(at, robertaConfig({ vocab_size, pad_token_id, max_position_embeddings, ...config }));
  }
  if (config.model_type === "mlp" && spec.kind === "features") {
    return new MlpEncoder(at, mlpConfig({ ...config, input_size: spec.width }));
  }
  throw new UserError(
    `"model.encoders.${spec.name}.model_type" is ${config.model_type}, which takes no ${spec.kind}`,
  );
}
