/** Images as tokens: a projection of each square patch, learned tokens before them, and learned positions. */
import { type Context, drop } from "../../nn/context.ts";
import { normal, zeros } from "../../nn/initializers.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { denseInitializer, type TransformerConfig } from "../../nn/transformer_config.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add, expand } from "../../ops/arithmetic.ts";
import { type ImageNormalisation, patchify } from "../../ops/image.ts";
import { linear } from "../../ops/matmul.ts";
import { concat, slice } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import { type Shape, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The fields that image transformers are built by; images are square. */
export type VisionConfig = TransformerConfig & {
  readonly image_size: number;
  readonly patch_size: number;
  readonly num_channels: number;
};

/** Where image transformers differ in how they make tokens of an image. */
export interface PatchStyle {
  /** Learned tokens without positions (Darcet et al., 2024), between the first token and the others: [1, count, width]. */
  readonly registers?: { readonly name: string; readonly count: number };
  /** False where no positions are learned here; true if not given. */
  readonly positions?: boolean;
  /** Whether the projection of patches has a bias; true if not given. */
  readonly bias?: boolean;
  /** True where a learned token is [width] and positions are [tokens, width], without leading dimensions of one. */
  readonly flat?: boolean;
}

/** Declares the learned tokens, `position_embeddings` and `patch_embeddings.projection`. */
export class PatchEmbeddings {
  readonly #config: VisionConfig;
  readonly #normalisation: ImageNormalisation;
  readonly #tokens: readonly Parameter[]; // [1, 1, hidden] each, or [hidden]
  readonly #registers: Parameter | undefined; // [1, registers, hidden]
  readonly #positions: Parameter | undefined; // [1, tokens + patches, hidden], or [tokens + patches, hidden]
  readonly #projection: Parameter; // [hidden, channels, patch, patch]
  readonly #bias: Parameter | undefined;

  /** `tokens`: the names of the learned tokens that stand before those of the patches. */
  constructor(
    path: ModulePath,
    config: VisionConfig,
    tokens: readonly string[],
    style: PatchStyle,
    normalisation: ImageNormalisation,
  ) {
    const { hidden_size: width, patch_size: patch, image_size, num_channels } = config;
    const { registers, positions = true, bias = true, flat = false } = style;
    this.#config = config;
    this.#normalisation = normalisation;
    const learned = (name: string, shape: Shape) =>
      path.parameter(name, shape, normal(config.initializer_range));
    const count = tokens.length + (image_size / patch) ** 2;
    this.#tokens = tokens.map((name) => learned(name, flat ? [width] : [1, 1, width]));
    this.#registers = registers && learned(registers.name, [1, registers.count, width]);
    this.#positions = positions
      ? learned("position_embeddings", flat ? [count, width] : [1, count, width])
      : undefined;
    const projection = path.at("patch_embeddings.projection");
    this.#projection = projection.parameter(
      "weight",
      [width, num_channels, patch, patch],
      denseInitializer(config),
      { isOperand: true },
    );
    this.#bias = bias ? projection.parameter("bias", [width], zeros) : undefined;
  }

  /** Images u8 [batch, side, side, 3] to [batch, tokens, hidden], of the context's precision. */
  forward(pixels: Tensor, context: Context): Tensor {
    const { precision = "f32" } = context;
    const { hidden_size: width, image_size: side, patch_size: patch, hidden_dropout_prob } = this.#config;
    const [batch, ...size] = pixels.shape as [number, number, number, number];
    if (size[0] !== side || size[1] !== side) {
      throw new TypeError(`Cannot encode images of ${showShape(pixels.shape)}: they are ${side} x ${side}`);
    }
    return scope(() => {
      const rows = patchify(pixels, patch, this.#normalisation, precision);
      const projection = precision === "f16" ? this.#projection.half : this.#projection.value;
      const patches = linear(rows, projection, this.#bias?.value);
      const each = ({ value }: Parameter, count: number) => expand(value, [batch, count, width], precision);
      const learned = this.#tokens.map((token) => each(token, 1));
      const joined = learned.length > 0 ? concat([...learned, patches], 1) : patches;
      const tokens = this.#positions ? add(joined, this.#positions.value) : joined;
      const registers = this.#registers && each(this.#registers, this.#registers.shape[1]!);
      const all = registers ? concat([slice(tokens, 1, 0, 1), registers, slice(tokens, 1, 1)], 1) : tokens;
      return drop(all, hidden_dropout_prob, context);
    });
  }

  /** The same in a graph of ONNX, of pixels float32 [batch, side, side, 3] that are normalised already. */
  toOnnx(pixels: Value): Value {
    const { hidden_size: width, patch_size } = this.#config;
    const { graph } = pixels;
    const weight = (parameter: Parameter) => graph.weight(parameter, graph.precision);
    const channelsFirst = onnx.transpose(onnx.cast(pixels, graph.precision), [0, 3, 1, 2]);
    const bias = this.#bias && weight(this.#bias);
    const grid = onnx.convolvePatches(channelsFirst, weight(this.#projection), bias, patch_size);
    const patches = onnx.transpose(onnx.reshape(grid, [0, width, -1]), [0, 2, 1]); // of [batch, hidden, rows, columns]
    const each = (token: Parameter, count: number) =>
      onnx.expand(
        weight(token),
        onnx.concat([onnx.sizeOf(pixels, 0), graph.constant([count, width], "int64")], 0),
      );
    const learned = this.#tokens.map((token) => each(token, 1));
    const joined = learned.length > 0 ? onnx.concat([...learned, patches], 1) : patches;
    const tokens = this.#positions ? onnx.add(joined, weight(this.#positions)) : joined;
    if (!this.#registers) return tokens;
    const registers = each(this.#registers, this.#registers.shape[1]!);
    const end = Number.MAX_SAFE_INTEGER;
    return onnx.concat([onnx.slice(tokens, 1, 0, 1), registers, onnx.slice(tokens, 1, 1, end)], 1);
  }
}
