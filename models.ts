/**
 * `unis/models`: encoders of images, texts and numbers, classifiers on top of them, and the methods by which they learn
 * together. Like the engine below it, it imports no package.
 */

// Several modalities together
export {
  MultimodalClassifier,
  type MultimodalClassifierConfig,
  type Weighting,
} from "./src/models/multimodal_classifier.ts";
export { Classifier, type ClassifierConfig } from "./src/models/classifier.ts";

// Methods and their losses
export type { Contrast, ContrastSettings, Moment } from "./src/models/methods/contrast.ts";
export type { Method } from "./src/models/methods/method.ts";
export { chooseMethod, type ChosenMethod, methods, registerMethod } from "./src/models/methods/registry.ts";
export { concatenation, type Fusion } from "./src/models/methods/fusion.ts";
export { computeLosses, type Losses, type LossOptions } from "./src/models/methods/compute_losses.ts";
export type { MixedTargets, Mixture } from "./src/models/methods/mixture.ts";
export {
  type Architecture,
  type ArchitectureParts,
  type BuiltArchitecture,
  type GraphOutputs,
  type Outputs,
} from "./src/models/methods/architecture.ts";
export { jointArchitecture, type JointEncoding } from "./src/models/methods/joint.ts";
export { type ByModality, type ModalityPair, modalityPairs } from "./src/models/losses/pairs.ts";
export { unisContrast, type UnisOptions } from "./src/models/losses/unis_contrast.ts";
export { batchContrast, batchContrasts, type BatchOptions } from "./src/models/losses/batch_contrast.ts";

// Tasks: what heads learn
export type { HeadOptions, Task } from "./src/models/tasks/task.ts";
export { classification } from "./src/models/tasks/classification.ts";
export { multiLabel, type MultiLabelSettings } from "./src/models/tasks/multi_label.ts";
export { regression, type RegressionSettings } from "./src/models/tasks/regression.ts";

// Encoders: the contract, the fields of configurations, the inputs
export {
  type CheckpointFormat,
  defineEncoder,
  type Encoder,
  type EncoderConfig,
  type EncoderRow,
  type EncoderType,
  type ExportFormat,
  type Fitting,
  type InputKinds,
  modalitiesRead,
  type SpecsOf,
} from "./src/models/encoders/encoder.ts";
export {
  choice,
  type ConfigOf,
  count,
  counts,
  derived,
  type Field,
  type Fields,
  type FieldValue,
  flag,
  type Multiples,
  optional,
  positive,
  probability,
  transformerFields,
  whole,
} from "./src/models/encoders/fields.ts";
export {
  type DeviceInput,
  type DeviceInputs,
  type FeatureInput,
  type FeatureSpec,
  type GraphInput,
  type GraphInputs,
  type HostInput,
  type HostInputs,
  type ImageInput,
  type ImageSpec,
  type InputKind,
  inputOf,
  type InputSpec,
  type TextInput,
  type TextSpec,
  uploadFeatures,
  uploadImage,
  uploadText,
} from "./src/models/encoders/inputs.ts";

// Encoders there are
export { encoderType, encoderTypes, registerEncoder } from "./src/models/encoders/registry.ts";
export { bert } from "./src/models/encoders/bert.ts";
export { deberta } from "./src/models/encoders/deberta.ts";
export { deit } from "./src/models/encoders/deit.ts";
export { densenet } from "./src/models/encoders/densenet.ts";
export { ConvolutionalEncoder, type MapLayer, type Stage } from "./src/models/encoders/feature_maps.ts";
export { mlp, type MlpConfig } from "./src/models/encoders/mlp.ts";
export { distilbert } from "./src/models/encoders/distilbert.ts";
export { electra } from "./src/models/encoders/electra.ts";
export { modernbert } from "./src/models/encoders/modernbert.ts";
export { mpnet } from "./src/models/encoders/mpnet.ts";
export { resnet } from "./src/models/encoders/resnet.ts";
export { roberta } from "./src/models/encoders/roberta.ts";
export { TextTransformer } from "./src/models/encoders/text_transformer.ts";
export type { TextConfig } from "./src/models/encoders/text_embeddings.ts";
export type { VisionConfig } from "./src/models/encoders/patch_embeddings.ts";
export { VisionTransformer } from "./src/models/encoders/vision_transformer.ts";
export { vit } from "./src/models/encoders/vit.ts";
export { xlmRoberta } from "./src/models/encoders/xlm_roberta.ts";
