/** BERT (Devlin et al., 2019) and RoBERTa (Liu et al., 2019), as Hugging Face's models without pooler. */
import type { Gpu } from "../../gpu/gpu.ts";
import { type Context, drop } from "../../nn/context.ts";
import { Embedding } from "../../nn/embedding.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { BERT_STYLE, type TransformerConfig, TransformerEncoder } from "../../nn/transformer.ts";
import { cast } from "../../ops/cast.ts";
import { indices } from "../../ops/indices.ts";
import { add } from "../../ops/arithmetic.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { checkHeads, readConfig } from "./fields.ts";
import {
  type Encoder,
  type HostInput,
  type ModalityInput,
  mustBeKind,
  type TextInput,
  unshared,
} from "./encoder.ts";

export type BertConfig = TransformerConfig & {
  readonly model_type: "bert" | "roberta";
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly pad_token_id: number;
};

const BERT_DEFAULTS = {
  vocab_size: 30522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  hidden_act: "gelu" as const,
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  initializer_range: 0.02,
  dense_initializer: "normal" as const,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
};

const ROBERTA_DEFAULTS = { ...BERT_DEFAULTS, vocab_size: 50265, pad_token_id: 1 };

/** A configuration from fields of `config.json`, BERT-base where they are missing. Throws a UserError naming a bad one. */
export function bertConfig(given: object = {}): BertConfig {
  const config = readConfig("a BERT", BERT_DEFAULTS, given);
  checkHeads("a BERT", config);
  return { ...config, model_type: "bert" };
}

/** As `bertConfig`, with RoBERTa's defaults. */
export function robertaConfig(given: object = {}): BertConfig {
  const config = readConfig("a RoBERTa", ROBERTA_DEFAULTS, given);
  checkHeads("a RoBERTa", config);
  return { ...config, model_type: "roberta" };
}

export class Bert implements Encoder {
  readonly config: BertConfig;
  readonly #words: Embedding;
  readonly #positions: Embedding;
  readonly #types: Embedding;
  readonly #norm: LayerNorm;
  readonly #encoder: TransformerEncoder;

  constructor(at: ModulePath, config: BertConfig) {
    const { hidden_size: width, pad_token_id: padding, initializer_range: deviation } = config;
    this.config = config;
    const embeddings = at.at("embeddings");
    const table = (name: string, rows: number, options: { padding?: number } = {}) =>
      new Embedding(embeddings.at(name), rows, width, { deviation, ...options });
    const countsFromPadding = config.model_type === "roberta" ? { padding } : {};
    this.#words = table("word_embeddings", config.vocab_size, { padding });
    this.#positions = table("position_embeddings", config.max_position_embeddings, countsFromPadding);
    this.#types = table("token_type_embeddings", config.type_vocab_size);
    this.#norm = new LayerNorm(embeddings.at("LayerNorm"), width, config.layer_norm_eps);
    this.#encoder = new TransformerEncoder(at.at("encoder"), config, BERT_STYLE);
  }

  get hiddenSize(): number {
    return this.config.hidden_size;
  }

  /** Throws RangeError for more tokens than there are positions, or an id beyond the vocabulary. */
  upload(gpu: Gpu, input: HostInput): ModalityInput {
    mustBeKind("text", input);
    const { vocab_size, max_position_embeddings, pad_token_id: padding, model_type } = this.config;
    const { ids, mask, tokens } = input;
    const most = model_type === "roberta" ? max_position_embeddings - padding - 1 : max_position_embeddings;
    if (tokens > most) {
      throw new RangeError(`Cannot encode ${tokens} tokens: the model has ${most} positions`);
    }
    const shape = [ids.length / tokens, tokens];
    const uploaded: TextInput = {
      kind: "text",
      ids: indices(gpu, ids, shape, { rows: vocab_size, ignore: padding }),
      mask: Tensor.from(gpu, unshared(mask), shape),
    };
    if (model_type === "bert") return uploaded;
    const positions = robertaPositions(ids, tokens, padding);
    const options = { rows: max_position_embeddings, ignore: padding };
    return { ...uploaded, positions: indices(gpu, positions, shape, options) };
  }

  /** The last hidden state of the first token, [CLS] or <s>. */
  represent(input: ModalityInput, context: Context): Tensor {
    mustBeKind("text", input);
    return scope(() => cast(this.#encoder.first(this.#embed(input, context), input.mask, context), "f32"));
  }

  /** Embeddings and what each layer makes of them, [batch, tokens, hidden] each; padding holds nothing of meaning. */
  hiddenStates(input: ModalityInput, context: Context): Tensor[] {
    mustBeKind("text", input);
    return scope(() => this.#encoder.hiddenStates(this.#embed(input, context), input.mask, context));
  }

  /** What the last layer makes of every token, [batch, tokens, hidden]; padding holds nothing of meaning. */
  lastHiddenState(input: ModalityInput, context: Context): Tensor {
    return scope(() => this.hiddenStates(input, context).at(-1)!);
  }

  #embed({ ids, positions }: TextInput, context: Context): Tensor {
    if (this.config.model_type === "roberta" && !positions) {
      throw new TypeError("Cannot encode text by a RoBERTa without its position ids");
    }
    const { precision = "f32" } = context;
    return scope(() => {
      const type = this.#types.first(1); // single texts are of type 0
      const places = positions
        ? add(this.#positions.forward(positions, precision), type) // [batch, tokens, hidden]
        : add(this.#positions.first(ids.shape[1]!), type); // [tokens, hidden]
      const sum = add(this.#words.forward(ids, precision), places);
      return drop(this.#norm.forward(sum), this.config.hidden_dropout_prob, context);
    });
  }
}

/** RoBERTa counts the tokens that are not padding from pad_token_id + 1 on; padding is at pad_token_id. */
export function robertaPositions(ids: Uint32Array, tokens: number, padding: number): Uint32Array {
  let count = 0;
  return ids.map((id, at) => {
    if (at % tokens === 0) count = 0;
    return id === padding ? padding : padding + ++count;
  });
}
