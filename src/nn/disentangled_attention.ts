/** Disentangled attention (He et al., 2021): scores of content and content, content and place, place and content. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { matmul } from "../ops/matmul.ts";
import { relativeScores } from "../ops/relative.ts";
import { permute, reshape, slice } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Context, drop } from "./context.ts";
import { JoinedLinear, Linear } from "./linear.ts";
import type { ModulePath } from "./parameters.ts";
import type { RelativeEmbeddings } from "./relative_embeddings.ts";
import {
  attend,
  attendInOnnx,
  type Attention,
  type AttentionConfig,
  firstToken,
  firstTokenInOnnx,
} from "./self_attention.ts";
import { denseInitializer } from "./transformer_config.ts";

export interface DisentangledConfig extends AttentionConfig {
  /** Dropout of the embeddings of places. */
  readonly hidden_dropout_prob: number;
  /** True: places are projected by the layers of queries and keys, not by layers of their own. */
  readonly share_att_key: boolean;
  /** Which scores there are beside those of content and content: c2p of queries and places, p2c of places and keys. */
  readonly pos_att_type: string;
}

/** A dense layer, forward and as a graph of ONNX. */
interface Projection {
  readonly forward: (x: Tensor) => Tensor;
  readonly toOnnx: (x: Value) => Value;
}

/**
 * softmax((qᵢ kⱼ + qᵢ K_p + Q_p kⱼ) / √(dim · terms)) v, K_p and Q_p being projections of the embedding of the place p of
 * token i as seen from token j, and `terms` the number of products that there are. Declares `query_proj`, `key_proj` and
 * `value_proj`, and as the configuration says `pos_key_proj` and `pos_query_proj`.
 */
export class DisentangledAttention implements Attention {
  readonly #projections: JoinedLinear;
  readonly #query: (x: Tensor) => Tensor;
  readonly #keyValue: (x: Tensor) => Tensor;
  readonly #placeKey: Projection | undefined;
  readonly #placeQuery: Projection | undefined;
  readonly #places: RelativeEmbeddings;
  readonly #config: DisentangledConfig;
  readonly #dim: number;
  readonly #scale: number;

  /** `places`: the embeddings of relative places, which all layers share. */
  constructor(path: ModulePath, config: DisentangledConfig, places: RelativeEmbeddings) {
    const { hidden_size: width, pos_att_type, share_att_key } = config;
    const options = { initializer: denseInitializer(config), takesF16: true };
    const projections = new JoinedLinear(
      path,
      ["query_proj", "key_proj", "value_proj"],
      width,
      width,
      options,
    );
    const ofPlaces = (kind: string, name: string, shared: number): Projection | undefined => {
      if (!pos_att_type.split("|").includes(kind)) return undefined;
      if (!share_att_key) {
        const linear = new Linear(path.at(name), width, width, options);
        return { forward: (x) => linear.forward(x), toOnnx: (x) => linear.toOnnx(x) };
      }
      return {
        forward: projections.layers(shared, shared + 1),
        toOnnx: (x) => projections.toOnnx(shared, x),
      };
    };
    this.#projections = projections;
    this.#query = projections.layers(0, 1);
    this.#keyValue = projections.layers(1, 3);
    this.#placeKey = ofPlaces("c2p", "pos_key_proj", 1);
    this.#placeQuery = ofPlaces("p2c", "pos_query_proj", 0);
    this.#places = places;
    this.#config = config;
    this.#dim = width / config.num_attention_heads;
    const terms = 1 + Number(this.#placeKey !== undefined) + Number(this.#placeQuery !== undefined);
    this.#scale = 1 / Math.sqrt(this.#dim * terms);
  }

  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst: boolean): Tensor {
    const { num_attention_heads: heads, attention_probs_dropout_prob: probability } = this.#config;
    return scope(() => {
      const q = this.#query(onlyFirst ? firstToken(x) : x);
      const kv = this.#keyValue(x);
      const bias = this.#placeKey || this.#placeQuery ? this.#scores(q, kv, context) : undefined;
      const options = {
        heads,
        scale: this.#scale,
        ...(mask && { mask }),
        ...(bias && { bias }),
        ...(context.keys && probability > 0 && { dropout: { probability, key: context.keys.next() } }),
      };
      return attend(q, kv, options, context);
    });
  }

  /** What queries say of places, and places of keys: [batch, heads, queries, keys]. */
  #scores(q: Tensor, kv: Tensor, context: Context): Tensor {
    const { hidden_size: width, hidden_dropout_prob } = this.#config;
    const [queries, keys] = [q.shape[1]!, kv.shape[1]!];
    const { first, end } = this.#places.between(1 - keys, queries - 1);
    const places = drop(this.#places.forward(first, end, context), hidden_dropout_prob, context);
    const products = (tokens: Tensor, projection: Projection) => {
      const [batch, count] = tokens.shape as [number, number];
      const product = matmul(this.#byHead(tokens), this.#byHead(projection.forward(places)), {
        transposeB: true,
      });
      return reshape(product, [-1, batch, count, end - first]);
    };
    return relativeScores(
      this.#placeKey ? products(q, this.#placeKey) : queries,
      this.#placeQuery ? products(slice(kv, 2, 0, width), this.#placeQuery) : keys,
      { ...this.#places.tables, first, scale: this.#scale },
    );
  }

  /** [.., heads · dim] to [heads, rows, dim]. */
  #byHead(x: Tensor): Tensor {
    return permute(reshape(x, [-1, this.#config.num_attention_heads, this.#dim]), [1, 0, 2]);
  }

  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const heads = this.#config.num_attention_heads;
    const [dim, scale] = [this.#dim, this.#scale];
    const query = this.#projections.toOnnx(0, onlyFirst ? firstTokenInOnnx(x) : x);
    const key = this.#projections.toOnnx(1, x);
    const all = this.#places.placesInOnnx(onnx.sizeOf(x, 1)); // [queries, keys]
    const placeOf = onlyFirst ? onnx.slice(all, 0, 0, 1) : all;
    const byHead = (value: Value, order: readonly number[]) =>
      onnx.transpose(onnx.reshape(value, [0, 0, heads, dim]), order);
    /** Products of tokens and places, taken at the place of every pair: [batch, heads, tokens, others]. */
    const products = (tokens: Value, projection: Projection, placeOf: Value) => {
      const places = projection.toOnnx(onnx.reshape(this.#places.toOnnx(x), [1, -1, heads * dim]));
      const scaled = onnx.multiply(byHead(tokens, [0, 2, 1, 3]), onnx.scalar(scale, tokens));
      const product = onnx.matmul(scaled, byHead(places, [0, 2, 3, 1]));
      const pairs = onnx.concat([
        onnx.sizeOf(product, 0),
        onnx.sizeOf(product, 1),
        onnx.sizeOf(product, 2),
        onnx.sizeOf(placeOf, 1),
      ], 0);
      return onnx.gatherElements(product, onnx.expand(placeOf, pairs), 3);
    };
    const ofQueries = this.#placeKey && products(query, this.#placeKey, placeOf);
    const ofKeys = this.#placeQuery &&
      onnx.transpose(products(key, this.#placeQuery, onnx.transpose(placeOf, [1, 0])), [0, 1, 3, 2]);
    return attendInOnnx(
      { query, key, value: this.#projections.toOnnx(2, x) },
      { heads, dim, scale },
      [bias, ofQueries, ofKeys].flatMap((one) => one ?? []),
    );
  }
}
