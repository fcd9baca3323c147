/** The contract of architectures: what stands between the encoders of a model and the logits of its heads. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { Value } from "../../onnx/graph.ts";
import type { Classifier } from "../classifier.ts";
import type { Encoder } from "../encoders/encoder.ts";
import type { FieldValue } from "../encoders/fields.ts";
import type { DeviceInputs, GraphInputs, HostInputs, PresenceInput } from "../encoders/inputs.ts";
import type { ByModality } from "../losses/pairs.ts";
import type { Task } from "../tasks/task.ts";
import type { Contrast } from "./contrast.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The head on all modalities together. */
export const FUSION = "fusion";

/** All that an architecture is built of. */
export interface ArchitectureParts {
  /** In the order in which representations are fused. */
  readonly encoders: ByModality<Encoder>;
  readonly classes: number;
  /** In the order of labels; their numbers where nobody gave names. */
  readonly classNames: readonly string[];
  readonly task: Task;
  /** Declares the classifier of a head below `path`, on representations of this width, as the configuration has it. */
  head(path: ModulePath, name: string, width: number): Classifier;
  /** The width that every representation is projected to; none if not given. */
  readonly projection?: number | undefined;
  /** True where fusion is told which modalities a sample has, since some may lack. */
  readonly isToldPresence?: boolean;
  /** What the configuration says of the method's own fields. */
  readonly options: Readonly<Record<string, FieldValue>>;
}

/** The outputs of a model for a batch. */
export type Outputs = {
  readonly representations: ByModality<Tensor>; // [batch, width]
  readonly unimodalLogits: ByModality<Tensor>; // [batch, classes]
  /** The representation of all modalities together, which the fused head reads; there only where there is one. */
  readonly fused?: Tensor; // [batch, width]
  /** There only where the method fuses. */
  readonly fusedLogits?: Tensor; // [batch, classes]
  /** Which samples have a modality, by those that some lack. */
  readonly presence?: ByModality<PresenceInput>;
};

/** What an architecture gives in a graph of ONNX, float32: representations by name, logits by head. */
export type GraphOutputs = {
  readonly representations: ByModality<Value>;
  readonly logits: ByModality<Value>;
};

/** An architecture with its parameters. */
export interface BuiltArchitecture {
  /** Encoders that have a head, in their order; each stands for a modality. */
  readonly unimodalHeads: readonly string[];
  /** The width of each representation that a graph of ONNX gives, by its name. */
  readonly widths: ByModality<number>;
  /** Whether there is a head on all of them, "fusion", which then gives the model's answer. */
  readonly hasFusion: boolean;
  /** True where modalities meet in nothing but their representations, and `forward` takes inputs that stand for those. */
  readonly takesRepresentations?: boolean;
  /** Sends a batch to the device, in tensors of the current scope; as each encoder does for itself if not given. */
  upload?(gpu: Gpu, inputs: ByModality<HostInputs>): ByModality<DeviceInputs>;
  /** From the inputs of each encoder on the device to representations and logits. */
  forward(inputs: ByModality<DeviceInputs>, context: Context): Outputs;
  /** The loss between representations, where it takes what this holds; in place of the method's. */
  readonly contrast?: Contrast;
  /** The same in a graph of ONNX. Throws a UserError for a part that does not say how; without it, there is none. */
  toOnnx?(inputs: ByModality<GraphInputs>): GraphOutputs;
}

export interface Architecture {
  /** Says how the modalities come together, for the readers of an export. */
  readonly description: string;
  /**
   * Declares the parameters below `path`, which is `heads` of the model: they learn at the rate of heads. Throws a UserError
   * for encoders that it cannot be built on.
   */
  build(path: ModulePath, parts: ArchitectureParts): BuiltArchitecture;
}
