/** Layers of a transformer, one after the other. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { reshape } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import type { LayerNorm } from "./layer_norm.ts";
import { recompute } from "./recompute.ts";

/** One layer of a transformer. */
export interface Layer {
  /**
   * x [batch, tokens, width] to the same shape, or to [batch, 1, width] with `onlyFirst`: whoever needs the first token
   * alone saves the work that each token does for itself, all but its key and value.
   */
  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst: boolean): Tensor;
  /** The same in a graph of ONNX; `bias` is what `attentionBias` gives. */
  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value;
}

function runLayer(
  layer: Layer,
  x: Tensor,
  mask: Tensor | undefined,
  context: Context,
  onlyFirst: boolean,
): Tensor {
  const run = (x: Tensor, context: Context) => layer.forward(x, mask, context, onlyFirst);
  return context.recompute ? recompute(run, x, mask ? [mask] : [], context) : run(x, context);
}

/** Runs layers in turn; `norm` is of the last hidden states, where they are normalised at the end. */
export class LayerStack {
  readonly #layers: readonly Layer[];
  readonly #norm: LayerNorm | undefined;

  constructor(layers: readonly Layer[], norm?: LayerNorm) {
    this.#layers = layers;
    this.#norm = norm;
  }

  /** Hidden states [batch, tokens, width]: x, then those after each layer, not normalised at the end. */
  hiddenStates(x: Tensor, mask: Tensor | undefined, context: Context): Tensor[] {
    const states = [x];
    for (const layer of this.#layers) states.push(runLayer(layer, states.at(-1)!, mask, context, false));
    return states;
  }

  /** The last hidden states, [batch, tokens, width]. */
  last(x: Tensor, mask: Tensor | undefined, context: Context): Tensor {
    return scope(() => {
      const y = this.#layers.reduce((y, layer) => runLayer(layer, y, mask, context, false), x);
      return this.#norm ? this.#norm.forward(y) : y;
    });
  }

  /** The last hidden state of the first token, [batch, width]. */
  first(x: Tensor, mask: Tensor | undefined, context: Context): Tensor {
    return scope(() => {
      let y = x;
      for (const [i, layer] of this.#layers.entries()) {
        y = runLayer(layer, y, mask, context, i === this.#layers.length - 1);
      }
      return reshape(this.#norm ? this.#norm.forward(y) : y, [x.shape[0]!, -1]);
    });
  }

  /** The last hidden states in a graph of ONNX; `bias` is what `attentionBias` gives. */
  lastToOnnx(x: Value, bias?: Value): Value {
    const y = this.#layers.reduce((state, layer) => layer.toOnnx(state, bias, false), x);
    return this.#norm ? this.#norm.toOnnx(y) : y;
  }

  /** The last hidden state of the first token in a graph of ONNX. */
  firstToOnnx(x: Value, bias?: Value): Value {
    const last = this.#layers.length - 1;
    const y = this.#layers.reduce((state, layer, i) => layer.toOnnx(state, bias, i === last), x);
    return onnx.reshape(this.#norm ? this.#norm.toOnnx(y) : y, [0, -1]);
  }
}
