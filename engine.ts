/**
 * `unis/engine`: tensors on a WebGPU device, operations that differentiate themselves, layers and optimizers. It imports no
 * package. The list of public names is kept in tests/fixtures/public_names.json.
 */

// The device
export { AdapterError, DEFAULT_LIMITS, type DeviceKind, type OpenOptions } from "./src/gpu/adapter.ts";
export { DAWN_FLAGS } from "./src/gpu/backend.ts";
export { paceAnswers } from "./src/gpu/dawn_answers.ts";
export { DeviceLost, OutOfMemory } from "./src/gpu/device_errors.ts";
export { Gpu } from "./src/gpu/gpu.ts";
export { selfTest } from "./src/ops/self_test.ts";

// Tensors, the tape, and who frees what
export { type DType, readTensors, Tensor } from "./src/tensor/tensor.ts";
export { broadcastShapes, type Shape } from "./src/tensor/shape.ts";
export { capture, keep, type Kept, scope } from "./src/tensor/scope.ts";
export { enableGrad, noGrad } from "./src/tensor/tape.ts";
export { backward } from "./src/ops/backward.ts";
export type { GradientWatch } from "./src/tensor/open_leaves.ts";
export { type RandomKey, RandomKeys } from "./src/tensor/random.ts";

// What an operation of one's own is made of
export { type Backward, needsGrad, record, refuseGrad } from "./src/tensor/tape.ts";
export { defineKernel, type KernelSource } from "./src/gpu/kernel.ts";

// Operations
export { add, div, equal, expand, less, mul, sub } from "./src/ops/arithmetic.ts";
export { fill, full } from "./src/ops/fill.ts";
export {
  affine,
  exp,
  gelu,
  geluTanh,
  log,
  neg,
  quickGelu,
  relu,
  scale,
  silu,
  sqrt,
  tanh,
} from "./src/ops/pointwise.ts";
export { ACTIVATION_NAMES, type ActivationName, ACTIVATIONS } from "./src/ops/activations.ts";
export { cast } from "./src/ops/cast.ts";
export type { Float } from "./src/ops/check.ts";
export { max, mean, type ReduceOptions, sum } from "./src/ops/reduce.ts";
export { concat, detach, pad, permute, reshape, slice, transpose } from "./src/ops/shape.ts";
export { type Activation, linear, matmul, type MatmulOptions } from "./src/ops/matmul.ts";
export { attention, type AttentionOptions, selfAttention } from "./src/ops/attention.ts";
export {
  type PlaceTables,
  placeTables,
  relativeScores,
  type RelativeScoresOptions,
} from "./src/ops/relative.ts";
export { rotary, rotaryTurns } from "./src/ops/rotary.ts";
export { logsumexp, maskedSoftmax, softmax } from "./src/ops/softmax.ts";
export { batchNorm, type BatchNormOptions, type RunningStatistics } from "./src/ops/batch_norm.ts";
export { layerNorm } from "./src/ops/layer_norm.ts";
export { cosineSimilarity, l2Normalize } from "./src/ops/normalize.ts";
export { binaryCrossEntropy } from "./src/ops/binary_losses.ts";
export { crossEntropy, type CrossEntropyOptions } from "./src/ops/losses.ts";
export { dropout } from "./src/ops/dropout.ts";
export { argmax, embedding, gatherRows, selectRows } from "./src/ops/indexing.ts";
export { type Indices, indices, type IndicesOptions } from "./src/ops/indices.ts";
export { type ImageNormalisation, patchify } from "./src/ops/image.ts";
export { conv2d, type Conv2dOptions } from "./src/ops/conv.ts";
export { adaptiveAvgPool2d, avgPool2d, maxPool2d, type PoolOptions } from "./src/ops/pool.ts";

// Layers and their parameters
export {
  type Attention,
  type AttentionConfig,
  type ScoreBias,
  SelfAttention,
  type SelfAttentionOptions,
} from "./src/nn/self_attention.ts";
export { type Context, drop, dropAdd, dropPath, EVALUATION } from "./src/nn/context.ts";
export { Conv2d, type ConvolutionOptions } from "./src/nn/conv2d.ts";
export { Embedding, type EmbeddingOptions } from "./src/nn/embedding.ts";
export { type Initializer, kaimingNormal, normal, ones, xavierNormal, zeros } from "./src/nn/initializers.ts";
export { BatchNorm2d, type BatchNormSettings, type FrozenStatistics } from "./src/nn/batch_norm.ts";
export { LayerNorm } from "./src/nn/layer_norm.ts";
export { Linear, type LinearOptions } from "./src/nn/linear.ts";
export type { Constant, ModelBuffer, Parameter, ParameterOptions } from "./src/nn/parameter.ts";
export { ModulePath, Parameters } from "./src/nn/parameters.ts";
export { BERT_STYLE, TransformerEncoder, type TransformerStyle, VIT_STYLE } from "./src/nn/transformer.ts";
export type { TransformerConfig } from "./src/nn/transformer_config.ts";

// Graphs of ONNX, for modules that say what they are in one
export { OnnxGraph, type Value } from "./src/onnx/graph.ts";

// Optimizers
export { Adam, type AdamOptions } from "./src/optim/adam.ts";
export { FiniteFlags, type Inspected, type NotFinite } from "./src/optim/finite_flags.ts";
export { gradientNorm } from "./src/optim/gradient_norm.ts";
export { groupByPart, type PartOptions } from "./src/optim/groups.ts";
export { LossScale, type LossScaleOptions, type LossScaleReading } from "./src/optim/loss_scale.ts";
export type { Optimizer, OptimizerState } from "./src/optim/optimizer.ts";
export type { GroupOptions, ParameterGroup, StepOptions } from "./src/optim/optimizer_options.ts";
export { type PlateauOptions, ReduceOnPlateau } from "./src/optim/plateau.ts";
export { WeightAverage } from "./src/optim/weight_average.ts";
export { RmsProp, type RmsPropOptions } from "./src/optim/rmsprop.ts";
export { cosineAfterWarmup, linearAfterWarmup, linearWarmup } from "./src/optim/schedule.ts";
