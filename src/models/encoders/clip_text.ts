/**
 * The text tower of CLIP (Radford et al., 2021), as Hugging Face's `CLIPTextModel`: tokens see only those before them, and a
 * text is the last hidden state of its end token, normalised, or the projection of it that is compared with images.
 */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import { Embedding } from "../../nn/embedding.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { attentionBias, SelfAttention } from "../../nn/self_attention.ts";
import { TransformerEncoder, VIT_STYLE } from "../../nn/transformer.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add } from "../../ops/arithmetic.ts";
import { cast } from "../../ops/cast.ts";
import { gatherRows } from "../../ops/indexing.ts";
import { type Indices, indices } from "../../ops/indices.ts";
import { reshape } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { defineEncoder, type Encoder } from "./encoder.ts";
import { type ConfigOf, count, optional, whole } from "./fields.ts";
import { projectionOf } from "./image_heads.ts";
import {
  type DeviceInputs,
  type GraphInputs,
  type HostInputs,
  inputOf,
  type TextInput,
  uploadText,
} from "./inputs.ts";
import { PROJECTION_FIELDS, readTower, renamesOfLayers, towerFields } from "./tower.ts";

const INPUTS = { text: "text" } as const;

/** Defaults are those of ViT-B/32. */
const fields = towerFields("quick_gelu", 1e-5);
const FIELDS = {
  ...fields,
  hidden_size: count(512),
  intermediate_size: count(2048),
  num_attention_heads: count(8),
  vocab_size: optional(count(49408)),
  max_position_embeddings: optional(count(77)),
  pad_token_id: optional(whole(1)),
  /** The token that ends a text; 2, which older checkpoints say by mistake, means the one of the highest number. */
  eos_token_id: optional(whole(49407)),
  ...PROJECTION_FIELDS,
};

type ClipTextConfig = ConfigOf<typeof FIELDS>;

/** What `eos_token_id` was in configurations until it was put right; the end token is then that of the highest number. */
const EOS_OF_OLD = 2;

/** A text tower, by the names of the parameters of Hugging Face's ViT and BERT. */
class ClipText implements Encoder {
  readonly inputs = INPUTS;
  readonly hiddenSize: number;
  readonly config: ClipTextConfig;
  readonly #words: Embedding;
  readonly #positions: Embedding;
  readonly #layers: TransformerEncoder;
  readonly #norm: LayerNorm;
  readonly #projection: Linear | undefined;

  constructor(path: ModulePath, given: ClipTextConfig) {
    const config = readTower(given);
    const { hidden_size: width, initializer_range: std, projection_dim, pooling } = config;
    const embeddings = path.at("embeddings");
    this.config = given;
    this.#words = new Embedding(embeddings.at("word_embeddings"), config.vocab_size, width, { std });
    this.#positions = new Embedding(
      embeddings.at("position_embeddings"),
      config.max_position_embeddings,
      width,
      { std },
    );
    this.#layers = new TransformerEncoder(
      path.at("encoder"),
      config,
      VIT_STYLE,
      (path) => new SelfAttention(path, config, { causal: true }),
    );
    this.#norm = new LayerNorm(path.at("layernorm"), width, config.layer_norm_eps);
    const isProjected = pooling === "projection";
    this.#projection = isProjected ? projectionOf(path, config, projection_dim) : undefined;
    this.hiddenSize = isProjected ? projection_dim : width;
  }

  /** Throws RangeError for more tokens than there are positions, or an id beyond the vocabulary. */
  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    const input = inputOf(inputs, "text", "text");
    const { vocab_size: vocabularySize, max_position_embeddings: most, eos_token_id } = this.config;
    const { ids, tokens } = input;
    if (tokens > most) {
      throw new RangeError(`Cannot encode ${tokens} tokens: the model has ${most} positions`);
    }
    const places = endsOf(ids, tokens, eos_token_id).map((place, text) => text * tokens + place);
    const ends = indices(gpu, places, [places.length], { rows: ids.length });
    return { text: { ...uploadText(gpu, input, { vocabularySize }), ends } };
  }

  /** Gives the last hidden state of the end token, normalised, or its projection: [batch, hiddenSize]. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    const input = inputOf(inputs, "text", "text");
    return scope(() => {
      const states = this.#layers.last(this.#embed(input, context), input.mask, context);
      const rows = reshape(states, [-1, this.config.hidden_size]);
      const ends = endsIn(input);
      context.rollout?.pooled(rowsOfIdentity(ends, ...input.ids.shape as [number, number]));
      const end = cast(this.#norm.forward(gatherRows(rows, ends)), "f32");
      return this.#projection ? this.#projection.forward(end) : end;
    });
  }

  /** Gives the embeddings and the output of each layer, [batch, tokens, hidden] each; padding holds nothing of meaning. */
  hiddenStates(inputs: DeviceInputs, context: Context): Tensor[] {
    const input = inputOf(inputs, "text", "text");
    return scope(() => this.#layers.hiddenStates(this.#embed(input, context), input.mask, context));
  }

  /** Gives the last hidden state of every token, normalised: [batch, tokens, hidden]; padding holds nothing of meaning. */
  lastHiddenState(inputs: DeviceInputs, context: Context): Tensor {
    const input = inputOf(inputs, "text", "text");
    return scope(() =>
      this.#norm.forward(this.#layers.last(this.#embed(input, context), input.mask, context))
    );
  }

  #embed({ ids }: TextInput, { precision = "f32" }: Context): Tensor {
    return scope(() => add(this.#words.forward(ids, precision), this.#positions.first(ids.shape[1]!)));
  }

  toOnnx(inputs: GraphInputs): Value {
    const { ids, mask } = inputOf(inputs, "text", "text");
    const places = this.#positions.firstToOnnx(onnx.sizeOf(ids, 1));
    const embedded = onnx.add(this.#words.toOnnx(ids), places);
    const states = onnx.cast(this.#layers.lastToOnnx(embedded, attentionBias(mask)), "float32");
    const isEnd = onnx.equal(endsInOnnx(ids, this.config.eos_token_id), onnx.range(onnx.sizeOf(ids, 1)));
    const chosen = onnx.reshape(onnx.cast(isEnd, "float32"), [0, 1, -1]); // [batch, 1, tokens]
    const end = onnx.reshape(onnx.matmul(chosen, states), [0, -1]);
    const normalised = onnx.cast(this.#norm.toOnnx(onnx.cast(end, ids.graph.precision)), "float32");
    return this.#projection ? this.#projection.toOnnx(normalised) : normalised;
  }
}

/** 1 at the place of the end token of each text, else 0: f32 [batch, 1, tokens]. */
function rowsOfIdentity(ends: Indices, batch: number, tokens: number): Tensor {
  const identities = Float32Array.from(
    { length: batch * tokens ** 2 },
    (_, i) => Number(Math.floor(i / tokens) % tokens === i % tokens),
  );
  const table = Tensor.from(ends.packed.gpu, identities, [batch * tokens, tokens]);
  return reshape(gatherRows(table, ends), [batch, 1, tokens]);
}

function endsIn({ ends }: TextInput): Indices {
  if (ends === undefined) {
    throw new TypeError(
      "Cannot encode text without the places of its end tokens: upload it by the same encoder",
    );
  }
  return ends;
}

/** The place of the end token of each text, the first of several; 0 where there is none. */
export function endsOf(ids: Uint32Array, tokens: number, eos: number): Uint32Array {
  return Uint32Array.from({ length: ids.length / tokens }, (_, text) => {
    const own = ids.subarray(text * tokens, (text + 1) * tokens);
    const end = eos === EOS_OF_OLD ? own.reduce((most, id) => Math.max(most, id), 0) : eos;
    return Math.max(own.indexOf(end), 0);
  });
}

/** The same in a graph of ONNX: ids int64 [batch, tokens] give int64 [batch, 1]. */
function endsInOnnx(ids: Value, eos: number): Value {
  const marks = eos === EOS_OF_OLD ? ids : onnx.equal(ids, onnx.scalar(eos, ids));
  return onnx.argmax(onnx.cast(marks, "float32"), 1); // f32 holds every id exactly
}

export const clipText = defineEncoder({
  model_type: "clip_text_model",
  title: "a text tower of CLIP",
  inputs: INPUTS,
  fields: FIELDS,
  multiples: [["hidden_size", "num_attention_heads"]],
  representation: "last hidden state of the end token, normalised",
  fromData: ({ text: { vocabularySize, maxTokens, padId, endId } }) => ({
    vocab_size: vocabularySize,
    max_position_embeddings: maxTokens,
    pad_token_id: padId,
    ...(endId !== undefined && { eos_token_id: endId }),
  }),
  build: (path, config) => new ClipText(path, config),
  longestText: ({ max_position_embeddings = Infinity }) => max_position_embeddings,
  readsRawTexts: true,
  checkpoint: {
    joint: { model_type: "clip", section: "text_config", shared: ["projection_dim"] },
    prefix: "clip.",
    ignored: /^(vision_model|text_projection|visual_projection)\.|^logit_scale$|\.position_ids$/,
    renames: [
      ["text_model.embeddings.token_embedding", "embeddings.word_embeddings"],
      ["text_model.embeddings.position_embedding", "embeddings.position_embeddings"],
      ...renamesOfLayers("text_model"),
      ["text_model.final_layer_norm", "layernorm"],
      ["text_projection", "projection"],
    ],
  },
  exported: {
    architecture: "CLIPTextModel",
    projecting: "CLIPTextModelWithProjection",
    pooling: "pooler",
    wordEmbeddings: "embeddings.word_embeddings.weight",
  },
});
