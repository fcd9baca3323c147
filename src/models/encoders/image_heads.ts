/** From the tokens of an image to one vector: the first token, the mean of its patches, or attention by a learned query. */
import type { Context } from "../../nn/context.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { TransformerEncoder } from "../../nn/transformer.ts";
import type { TransformerConfig } from "../../nn/transformer_config.ts";
import type { Value } from "../../onnx/graph.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PoolingName } from "./encoder.ts";
import { Pooling } from "./pooling.ts";

/** The last part of an image transformer. */
export interface ImageHead {
  /** Makes one vector of each image: embedded tokens [batch, tokens, hidden], still to pass the layers, to [batch, hidden]. */
  represent(layers: TransformerEncoder, x: Tensor, context: Context): Tensor;
  /** Makes the last hidden state of every token of what the layers give, [batch, tokens, hidden] both. */
  finish(states: Tensor): Tensor;
  /** `represent` in a graph of ONNX. */
  toOnnx(layers: TransformerEncoder, x: Value): Value;
}

/** The normalised tokens, pooled; declares `layernorm` and what `Pooling` declares. */
export class PooledTokens implements ImageHead {
  readonly #norm: LayerNorm;
  readonly #pooling: Pooling;

  constructor(path: ModulePath, config: TransformerConfig, pooling: PoolingName) {
    this.#norm = new LayerNorm(path.at("layernorm"), config.hidden_size, config.layer_norm_eps);
    this.#pooling = new Pooling(path, pooling, config);
  }

  represent(layers: TransformerEncoder, x: Tensor, context: Context): Tensor {
    return this.#pooling.forward({
      first: () => this.#norm.forward(layers.first(x, undefined, context)),
      all: () => this.#norm.forward(layers.last(x, undefined, context)),
    });
  }

  finish(states: Tensor): Tensor {
    return this.#norm.forward(states);
  }

  toOnnx(layers: TransformerEncoder, x: Value): Value {
    return this.#pooling.toOnnx({
      first: () => this.#norm.toOnnx(layers.firstToOnnx(x)),
      all: () => this.#norm.toOnnx(layers.lastToOnnx(x)),
    });
  }
}
