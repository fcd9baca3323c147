/** Builds the model that a configuration describes. */
import { resolveMethod } from "../config/method_config.ts";
import type { RunConfig } from "../config/run_config.ts";
import { DEPARTURES, SWITCHES } from "../models/methods/contrast.ts";
import { FUSION } from "../models/methods/architecture.ts";
import { MultimodalClassifier } from "../models/multimodal_classifier.ts";
import type { ModulePath } from "../nn/parameters.ts";
import { buildTask } from "./build_task.ts";
import { type ModelData, mustBeNames, resolveEncoders } from "./resolve_encoders.ts";

/**
 * Declares the model below `path`; `classWeights` are those of its losses, where classes are weighed. Throws a UserError where
 * the configuration does not fit the data.
 */
export function buildModel(
  path: ModulePath,
  config: RunConfig,
  data: ModelData,
  classWeights?: readonly number[],
): MultimodalClassifier {
  const { data: { missing }, model, optimizer, semantics, training } = config;
  const encoders = resolveEncoders(config, data);
  const names = Object.keys(model.encoders);
  mustBeNames("optimizer.learning_rates", optimizer.learning_rates, names, data);
  mustBeNames("optimizer.weight_decays", optimizer.weight_decays, [...names, "heads"], data);
  if (Array.isArray(optimizer.decay_vectors)) {
    const parts = Object.fromEntries(optimizer.decay_vectors.map((part) => [part, true]));
    mustBeNames("optimizer.decay_vectors", parts, [...names, "heads"], data);
  }
  const heads = [...names, FUSION];
  mustBeNames("optimizer.head_learning_rates", optimizer.head_learning_rates, heads, data);
  mustBeNames("model.head.dropouts", model.head.dropouts, heads, data);
  const builders = encoders.map(({ name, type, config, specs }) =>
    [name, (path: ModulePath) => type.build(path, config, specs)] as const
  );
  return new MultimodalClassifier(path, Object.fromEntries(builders), {
    method: resolveMethod(config).method,
    classifier: { classes: data.classes.length, ...model.head },
    classNames: data.classes,
    contrastiveWeight: model.contrast_weight,
    contrast: {
      temperature: model.contrast_temperature,
      ...picked(model, SWITCHES),
      ...picked(semantics, DEPARTURES),
    },
    task: buildTask(config, data.scale),
    weighting: {
      classWeights,
      labelSmoothing: training.label_smoothing,
      focalGamma: training.focal_gamma,
    },
    ...(model.projection !== null && { projection: model.projection }),
    ...(missing !== "refuse" && { missing }),
    options: model.options,
    reads: Object.fromEntries(encoders.map(({ name, reads }) => [name, reads])),
  });
}

/** The settings that a table names. */
function picked<K extends string>(
  settings: Readonly<Record<NoInfer<K>, boolean>>,
  names: Readonly<Record<K, unknown>>,
): Record<K, boolean> {
  const keys = Object.keys(names) as K[];
  return Object.fromEntries(keys.map((name) => [name, settings[name]])) as Record<K, boolean>;
}
