/**
 * `unis/models`: encoders of images, texts and numbers, classifiers on top of them, and the methods by which they learn
 * together. Like the engine below it, it imports no package.
 */

// Several modalities together
export { MultimodalClassifier, type MultimodalClassifierConfig } from "./src/models/multimodal_classifier.ts";
export { Classifier, type ClassifierConfig } from "./src/models/classifier.ts";

// Methods and their losses
export { type Losses, type Method, METHODS, type Outputs, predict } from "./src/models/methods/methods.ts";
export {
  type ByModality,
  type ContrastOptions,
  type ModalityPair,
  modalityPairs,
  unisContrast,
} from "./src/models/losses/contrastive.ts";
export { supervisedContrast, unsupervisedContrast } from "./src/models/losses/batch_contrast.ts";

// Encoders
export type {
  Encoder,
  FeatureInput,
  HostInput,
  ImageInput,
  ModalityInput,
  TextInput,
} from "./src/models/encoders/encoder.ts";
export { Bert, type BertConfig, bertConfig, robertaConfig } from "./src/models/encoders/bert.ts";
export { type MlpConfig, mlpConfig, MlpEncoder } from "./src/models/encoders/mlp.ts";
export { Vit, type VitConfig, vitConfig } from "./src/models/encoders/vit.ts";
