/** Builds the model that a configuration describes. */
import type { Dataset, ModalitySpec } from "../data/dataset.ts";
import { UserError } from "../base/user_error.ts";
import { Bert, bertConfig, robertaConfig } from "../models/encoders/bert.ts";
import type { Encoder } from "../models/encoders/encoder.ts";
import { mlpConfig, MlpEncoder } from "../models/encoders/mlp.ts";
import { MultimodalClassifier } from "../models/multimodal_classifier.ts";
import { Vit, vitConfig } from "../models/encoders/vit.ts";
import type { ModulePath } from "../nn/parameters.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { EncoderConfig } from "../config/encoder_config.ts";
import { nearest } from "../base/nearest.ts";

/** What a model must know of the data it is for. */
export type ModelData = Pick<Dataset, "name" | "classes" | "modalities">;

/** Declares the model below `at`. Throws a UserError where the configuration does not fit the data. */
export function buildModel(at: ModulePath, config: RunConfig, data: ModelData): MultimodalClassifier {
  const { encoders, head, contrast_weight, contrast_temperature, semi_positive, negative, symmetric } =
    config.model;
  const { semantics } = config;
  const names = data.modalities.map(({ name }) => name);
  mustBeModalities("model.encoders", Object.keys(encoders), names, data);
  const { learning_rates, weight_decays } = config.optimizer;
  mustBeModalities("optimizer.learning_rates", Object.keys(learning_rates), names, data);
  mustBeModalities("optimizer.weight_decays", Object.keys(weight_decays), [...names, "heads"], data);
  const isUsed = ({ name }: ModalitySpec) => config.method === name || !names.includes(config.method);
  const builders = data.modalities.filter(isUsed).map((spec) => {
    const own = encoders[spec.name];
    if (own === undefined) {
      throw new UserError(
        `"model.encoders" needs an encoder for the ${spec.kind} "${spec.name}" of the data set`,
      );
    }
    return [spec.name, (inner: ModulePath) => buildEncoder(inner, own, spec)] as const;
  });
  return new MultimodalClassifier(at, Object.fromEntries(builders), {
    method: config.method,
    classifier: { classes: data.classes.length, ...head },
    contrastiveWeight: contrast_weight,
    contrast: {
      temperature: contrast_temperature,
      semiPositive: semi_positive,
      negative,
      symmetric,
      firstRowOnly: semantics.first_row_only,
      unsupervisedPositivesOnly: semantics.unsupervised_positives_only,
      supervisedPositivesOnly: semantics.supervised_positives_only,
    },
  });
}

function mustBeModalities(
  key: string,
  given: readonly string[],
  names: readonly string[],
  data: ModelData,
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

function buildEncoder(at: ModulePath, config: EncoderConfig, spec: ModalitySpec): Encoder {
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
