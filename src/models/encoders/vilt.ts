/**
 * ViLT (Kim et al., 2021), as Hugging Face's `ViltModel`: words and patches of the image are tokens of one transformer, and
 * its pooler makes one vector of the first of them. Images are square and of one size, so that no patch is padding.
 */
import { UserError } from "../../base/user_error.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import { Embedding } from "../../nn/embedding.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { attentionBias, SelfAttention } from "../../nn/self_attention.ts";
import { TransformerEncoder, VIT_STYLE } from "../../nn/transformer.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add } from "../../ops/arithmetic.ts";
import { full } from "../../ops/fill.ts";
import type { ImageNormalisation } from "../../ops/image.ts";
import { concat, slice } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineEncoder, type Encoder } from "./encoder.ts";
import { choice, type ConfigOf, count, optional } from "./fields.ts";
import { type DeviceInputs, type GraphInputs, type HostInputs, inputOf, uploadImage } from "./inputs.ts";
import { PatchEmbeddings } from "./patch_embeddings.ts";
import { POOLER_ADVICE, Pooling } from "./pooling.ts";
import { fitPositions } from "./positions.ts";
import { longestText, TextEmbeddings } from "./text_embeddings.ts";
import { vocabularyFields } from "./text_transformer.ts";
import { VIT_FIELDS } from "./vision_transformer.ts";

const INPUTS = { image: "image", text: "text" } as const;

const FIELDS = {
  ...VIT_FIELDS,
  ...vocabularyFields(30522, 0),
  max_position_embeddings: optional(count(40)),
  type_vocab_size: optional(count(2)),
  /** A third type is that of a second image, which there is none of here. */
  modality_type_vocab_size: optional(count(2)),
  pooling: { ...optional(choice(["first", "pooler"], "pooler")), isOwn: true },
};
type ViltConfig = ConfigOf<typeof FIELDS>;

class Vilt implements Encoder {
  readonly inputs = INPUTS;
  readonly config: ViltConfig;
  readonly #text: TextEmbeddings;
  readonly #image: PatchEmbeddings;
  readonly #types: Embedding;
  readonly #layers: TransformerEncoder;
  readonly #norm: LayerNorm;
  readonly #pooling: Pooling;

  constructor(path: ModulePath, config: ViltConfig, normalisation: ImageNormalisation) {
    const { hidden_size: width, initializer_range: std, qkv_bias: bias } = config;
    const embeddings = path.at("embeddings");
    this.config = config;
    this.#text = new TextEmbeddings(embeddings.at("text_embeddings"), config, false);
    this.#image = new PatchEmbeddings(embeddings, config, ["cls_token"], {}, normalisation);
    this.#types = new Embedding(
      embeddings.at("token_type_embeddings"),
      config.modality_type_vocab_size,
      width,
      { std },
    );
    this.#layers = new TransformerEncoder(
      path.at("encoder"),
      config,
      VIT_STYLE,
      (path) => new SelfAttention(path, config, { bias }),
    );
    this.#norm = new LayerNorm(path.at("layernorm"), width, config.layer_norm_eps);
    this.#pooling = new Pooling(path, config.pooling, config);
  }

  get hiddenSize(): number {
    return this.config.hidden_size;
  }

  /** Throws RangeError for more tokens than there are positions, or an id beyond the vocabulary. */
  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    return {
      image: uploadImage(gpu, inputOf(inputs, "image", "image")),
      text: this.#text.upload(gpu, inputOf(inputs, "text", "text")),
    };
  }

  get #patches(): number {
    return (this.config.image_size / this.config.patch_size) ** 2;
  }

  /** Pools the last hidden state of the first token of the text. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => {
      const [tokens, mask] = [this.#embed(inputs, context), this.#mask(inputs)];
      const first = () => this.#norm.forward(this.#layers.first(tokens, mask, context));
      return this.#pooling.forward({ first, all: first }, context);
    });
  }

  /** Gives the embeddings and the output of each layer, before the final norm: [batch, tokens, hidden] each. */
  hiddenStates(inputs: DeviceInputs, context: Context): Tensor[] {
    return scope(() => this.#layers.hiddenStates(this.#embed(inputs, context), this.#mask(inputs), context));
  }

  /** Gives the last hidden state of every token, those of the text before those of the image, normalised. */
  lastHiddenState(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => this.#norm.forward(this.hiddenStates(inputs, context).at(-1)!));
  }

  /** That of the text, and after it the tokens of the image, none of which is padding. */
  #mask(inputs: DeviceInputs): Tensor {
    const { mask } = inputOf(inputs, "text", "text");
    return concat([mask, full(mask.gpu, [mask.shape[0]!, this.#patches + 1], 1, "u32")], 1);
  }

  /** The words, then a token of the image and its patches, each with the embedding of its modality. */
  #embed(inputs: DeviceInputs, context: Context): Tensor {
    return scope(() => {
      const types = this.#types.weight.value;
      const text = this.#text.forward(inputOf(inputs, "text", "text"), context);
      const image = this.#image.forward(inputOf(inputs, "image", "image").pixels, context);
      return concat([add(text, slice(types, 0, 0, 1)), add(image, slice(types, 0, 1, 2))], 1);
    });
  }

  toOnnx(inputs: GraphInputs): Value {
    const { ids, mask } = inputOf(inputs, "text", "text");
    const { graph } = ids;
    const types = graph.weight(this.#types.weight, graph.precision);
    const text = onnx.add(this.#text.toOnnx(ids), onnx.slice(types, 0, 0, 1));
    const image = onnx.add(
      this.#image.toOnnx(inputOf(inputs, "image", "image").pixels),
      onnx.slice(types, 0, 1, 2),
    );
    const size = onnx.concat([onnx.sizeOf(ids, 0), graph.constant([this.#patches + 1], "int64")], 0);
    const seen = onnx.expand(graph.constant([1], "int64"), size);
    const bias = attentionBias(onnx.concat([mask, seen], 1));
    const first = () =>
      onnx.cast(this.#norm.toOnnx(this.#layers.firstToOnnx(onnx.concat([text, image], 1), bias)), "float32");
    return this.#pooling.toOnnx({ first, all: first });
  }
}

export const vilt = defineEncoder({
  model_type: "vilt",
  title: "a ViLT",
  inputs: INPUTS,
  fields: FIELDS,
  multiples: [["hidden_size", "num_attention_heads"], ["image_size", "patch_size"]],
  representation: "last hidden state, normalised",
  fromData({ image: { name, height, width }, text: { vocabularySize, maxTokens, padId } }) {
    if (height !== width) {
      throw new UserError(`Cannot read "${name}" by a ViLT: it takes square images, not ${height}x${width}`);
    }
    return {
      image_size: height,
      vocab_size: vocabularySize,
      pad_token_id: padId,
      max_position_embeddings: maxTokens,
    };
  },
  build: (path, config, { image: { mean, std } }) => new Vilt(path, config, { mean, std }),
  longestText: (config) => longestText(config, false),
  checkpoint: {
    prefix: "vilt.",
    ignored:
      /^(pooler|classifier|mlm_score|itm_score|rank_output)\.|^embeddings\.text_embeddings\.(position_ids|token_type_ids)$/,
    advice: POOLER_ADVICE,
    fit: fitPositions(1, "bilinear_corners"),
  },
  exported: {
    architecture: "ViltModel",
    pooling: "pooler",
    fields: { max_image_length: -1, num_images: -1 },
    wordEmbeddings: "embeddings.text_embeddings.word_embeddings.weight",
  },
});
