/**
 * MMBT (Kiela et al., "Supervised Multimodal Bitransformers for Classifying Images and Text", 2019): regions of the image are
 * tokens of the encoder of texts,
 *
 *   [CLS] region₁ … regionₙ [SEP]   of type 0, at the places 0 … n + 1;   the words of the text, of type 1, at the places 0 …,
 *
 * and one classifier reads what its pooler makes of [CLS]. A region is the mean of a part of the image encoder's last map,
 * brought to the width of a word by a linear layer.
 */
import { UserError } from "../../base/user_error.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import { xavierNormal } from "../../nn/initializers.ts";
import { Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { cast } from "../../ops/cast.ts";
import { full } from "../../ops/fill.ts";
import { adaptiveAvgPool2d } from "../../ops/pool.ts";
import { concat, reshape, slice } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Sequence } from "../encoders/encoder.ts";
import { count, type Fields } from "../encoders/fields.ts";
import { type DeviceInputs, type HostInput, type HostInputs, inputOf } from "../encoders/inputs.ts";
import type { ByModality } from "../losses/pairs.ts";
import type { ArchitectureParts } from "./architecture.ts";
import { jointArchitecture, type JointEncoding } from "./joint.ts";
import type { Method } from "./method.ts";
import { imageAndText, type NamedEncoder } from "./pair_of_encoders.ts";

const FIELDS = {
  /** The rows and columns of the grid of regions: three rows of one in the published code. */
  region_rows: count(3),
  region_columns: count(1),
} as const satisfies Fields;

class Mmbt implements JointEncoding {
  readonly hiddenSize: number;
  readonly #image: NamedEncoder;
  readonly #text: NamedEncoder & { readonly sequence: Sequence };
  readonly #grid: readonly [rows: number, columns: number];
  readonly #regions: Linear;

  constructor(path: ModulePath, { encoders, options }: ArchitectureParts) {
    const { image, text } = imageAndText(encoders);
    const { sequence } = text.encoder;
    const missing = image.encoder.featureMap === undefined
      ? `the encoder "${image.name}": its states have no places in the image: choose a resnet or a vit`
      : sequence === undefined
      ? `the encoder "${text.name}": its layers read nothing but words: choose a bert`
      : sequence.types < 2
      ? `the encoder "${text.name}": it has embeddings of ${sequence.types} types of tokens, and images and texts are of ` +
        "two: choose a bert"
      : undefined;
    if (missing !== undefined || sequence === undefined) {
      throw new UserError(`Cannot train mmbt with ${missing}`);
    }
    this.#image = image;
    this.#text = { ...text, sequence };
    this.#grid = [options.region_rows as number, options.region_columns as number];
    this.hiddenSize = text.encoder.hiddenSize;
    const channels = image.encoder.channels ?? image.encoder.hiddenSize;
    this.#regions = new Linear(path.at("regions"), channels, sequence.width, {
      initializer: xavierNormal,
      takesF16: true,
    });
  }

  /** Texts without the tokens that enclose them, which stand around the regions instead. */
  upload(gpu: Gpu, inputs: ByModality<HostInputs>): ByModality<DeviceInputs> {
    const { name, encoder } = this.#text;
    const text = inputOf(inputs[name]!, "text", "text");
    const { words, ends } = splitTexts(text);
    return {
      [this.#image.name]: this.#image.encoder.upload(gpu, inputs[this.#image.name]!),
      [name]: {
        words: encoder.upload(gpu, { text: words }).text!,
        ends: encoder.upload(gpu, { text: ends }).text!,
      },
    };
  }

  represent(inputs: ByModality<DeviceInputs>, context: Context): Tensor {
    const { sequence, name } = this.#text;
    const { precision = "f32" } = context;
    const own = inputs[name]!;
    return scope(() => {
      const map = this.#image.encoder.featureMap!(inputs[this.#image.name]!, context);
      const pooled = adaptiveAvgPool2d(map, this.#grid);
      const [batch, rows, columns, channels] = pooled.shape as [number, number, number, number];
      const regions = this.#regions.forward(
        cast(reshape(pooled, [batch, rows * columns, channels]), precision),
      );
      const ends = sequence.words(inputOf(own, "ends", "text").ids, context); // [batch, 2, width]
      const image = concat([slice(ends, 1, 0, 1), regions, slice(ends, 1, 1, 2)], 1);
      const words = inputOf(own, "words", "text");
      const text = sequence.words(words.ids, context);
      const tokens = concat([sequence.embed(image, 0, context), sequence.embed(text, 1, context)], 1);
      const mask = concat([full(map.gpu, [batch, image.shape[1]!], 1, "u32"), words.mask], 1);
      return sequence.represent(tokens, mask, context);
    });
  }
}

type Text = Extract<HostInput, { readonly kind: "text" }>;

/**
 * Parts texts, each of them enclosed in two tokens, into words [batch, tokens - 2], at least one, and the two that enclose
 * each [batch, 2].
 */
function splitTexts({ ids, mask, tokens }: Text): { words: Text; ends: Text } {
  const batch = ids.length / tokens;
  const blank = (count: number): Text => ({
    kind: "text",
    ids: new Uint32Array(batch * count),
    mask: new Uint32Array(batch * count),
    tokens: count,
  });
  const count = Math.max(1, tokens - 2);
  const [words, ends] = [blank(count), blank(2)];
  ends.mask.fill(1);
  for (let row = 0; row < batch; row++) {
    const own = ids.subarray(row * tokens, (row + 1) * tokens);
    const length = mask.subarray(row * tokens, (row + 1) * tokens).reduce((sum, one) => sum + one, 0);
    ends.ids.set([own[0]!, own[length - 1]!], row * 2);
    // What follows the words of a shorter text is masked, whatever it is.
    words.ids.set(own.subarray(1, 1 + Math.min(count, tokens - 1)), row * count);
    words.mask.fill(1, row * count, row * count + length - 2);
  }
  return { words, ends };
}

export const mmbt: Method = {
  name: "mmbt",
  description:
    "the loss of one classifier on an encoder of texts that reads regions of the image beside words",
  architecture: jointArchitecture(
    "regions of the image as tokens of the encoder of texts",
    (path, parts) => new Mmbt(path, parts),
  ),
  reads: ["image", "text"],
  projects: "the width of words",
  unimodalHeadsAreProbes: false,
  fields: FIELDS,
};
