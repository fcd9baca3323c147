/**
 * ME, multimodal information injection (Liang et al., "Expanding Large Pre-trained Unimodal Models with Multimodal Information
 * Injection for Image-Text Multimodal Classification", CVPR 2022), reconstructed from its abstract and a reimplementation of
 * one of its directions. Words change each map of a convolutional encoder, channel by channel,
 *
 *   x_c ← x_c + Σ_l softmax_l(q_c · k_l / √d) v_l,   q_c = mean(x_c) a_c + b_c,   k_l = W_k t_l,   v_l = W_v t_l of height · width,
 *
 * and the places of the image change each word, t_l ← t_l + Σ_p softmax_p(W_q t_l · W_k m_p / √d) W_v m_p, of which m is the
 * last map. One classifier reads the mean of the last map beside the first word.
 */
import { UserError } from "../../base/user_error.ts";
import type { Context } from "../../nn/context.ts";
import { xavierNormal, zeros } from "../../nn/initializers.ts";
import { Linear } from "../../nn/linear.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { add, mul } from "../../ops/arithmetic.ts";
import type { Float } from "../../ops/check.ts";
import { cast } from "../../ops/cast.ts";
import { matmul } from "../../ops/matmul.ts";
import { scale } from "../../ops/pointwise.ts";
import { mean } from "../../ops/reduce.ts";
import { concat, permute, reshape, slice } from "../../ops/shape.ts";
import { maskedSoftmax, softmax } from "../../ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { MapStages } from "../encoders/encoder.ts";
import { count, type Fields } from "../encoders/fields.ts";
import { type DeviceInputs, inputOf } from "../encoders/inputs.ts";
import type { ByModality } from "../losses/pairs.ts";
import type { ArchitectureParts } from "./architecture.ts";
import { jointArchitecture, type JointEncoding } from "./joint.ts";
import type { Method } from "./method.ts";
import { imageAndText, type NamedEncoder } from "./pair_of_encoders.ts";

const FIELDS = {
  /** d, the width of queries and keys. */
  attention_size: count(128),
} as const satisfies Fields;

/**
 * Σ_k softmax_k(q · k / √d) v over the keys that a mask u32 [batch, m] has: queries [batch, n, d], keys [batch, m, d] and
 * values [batch, m, width] give [batch, n, width].
 */
function attend(queries: Tensor, keys: Tensor, values: Tensor, mask?: Tensor): Tensor {
  const d = queries.shape.at(-1)!;
  const scores = scale(matmul(queries, keys, { transposeB: true }), 1 / Math.sqrt(d));
  return matmul(mask ? maskedSoftmax(scores, mask) : softmax(scores), values);
}

/** Words change a map, channel by channel. */
class WordsIntoMap {
  readonly #gains: Parameter; // a, [channels, d]
  readonly #shifts: Parameter; // b, [channels, d]
  readonly #keys: Linear;
  readonly #values: Linear;

  constructor(path: ModulePath, channels: number, places: number, words: number, d: number) {
    const options = { initializer: xavierNormal };
    this.#gains = path.parameter("query.weight", [channels, d], xavierNormal);
    this.#shifts = path.parameter("query.bias", [channels, d], zeros);
    this.#keys = new Linear(path.at("key"), words, d, options);
    this.#values = new Linear(path.at("value"), words, places, options);
  }

  /** Map [batch, height, width, channels] to the same, by words [batch, tokens, words] and their mask u32 [batch, tokens]. */
  forward(map: Tensor, words: Tensor, mask: Tensor): Tensor {
    const [batch, height, width, channels] = map.shape as [number, number, number, number];
    return scope(() => {
      const x = cast(map, "f32");
      const means = reshape(mean(reshape(x, [batch, height * width, channels]), { axes: [1] }), [
        batch,
        channels,
        1,
      ]);
      const queries = add(mul(means, this.#gains.value), this.#shifts.value);
      const change = attend(queries, this.#keys.forward(words), this.#values.forward(words), mask);
      const changed = add(x, reshape(permute(change, [0, 2, 1]), map.shape)); // of [batch, channels, places]
      return cast(changed, map.dtype as Float);
    });
  }
}

/** The places of a map change words. */
class MapIntoWords {
  readonly #query: Linear;
  readonly #key: Linear;
  readonly #value: Linear;

  constructor(path: ModulePath, channels: number, words: number, d: number) {
    const options = { initializer: xavierNormal };
    this.#query = new Linear(path.at("query"), words, d, options);
    this.#key = new Linear(path.at("key"), channels, d, options);
    this.#value = new Linear(path.at("value"), channels, words, options);
  }

  /** Words [batch, tokens, words] to the same, by places [batch, places, channels]. */
  forward(words: Tensor, places: Tensor): Tensor {
    return scope(() => {
      const attended = attend(
        this.#query.forward(words),
        this.#key.forward(places),
        this.#value.forward(places),
      );
      return add(words, attended);
    });
  }
}

class Injection implements JointEncoding {
  readonly hiddenSize: number;
  readonly #image: NamedEncoder;
  readonly #text: NamedEncoder;
  readonly #maps: MapStages;
  readonly #intoMaps: readonly WordsIntoMap[];
  readonly #intoWords: MapIntoWords;

  constructor(path: ModulePath, { encoders, options }: ArchitectureParts) {
    const { image, text } = imageAndText(encoders);
    const { maps } = image.encoder;
    if (maps === undefined) {
      throw new UserError(
        `Cannot train me with the encoder "${image.name}": words change the maps of convolutions: choose a densenet or a resnet`,
      );
    }
    if (text.encoder.lastHiddenState === undefined) {
      throw new UserError(
        `Cannot train me with the encoder "${text.name}": it has no hidden states of tokens`,
      );
    }
    const d = options.attention_size as number;
    const words = text.encoder.channels ?? text.encoder.hiddenSize;
    this.#image = image;
    this.#text = text;
    this.#maps = maps;
    this.#intoMaps = maps.stages.map(({ channels }, i) => {
      const [height, width] = maps.sizes[i]!;
      return new WordsIntoMap(path.at(`maps.${i}`), channels, height * width, words, d);
    });
    const last = maps.stages.at(-1)!.channels;
    this.#intoWords = new MapIntoWords(path.at("words"), last, words, d);
    this.hiddenSize = last + words;
  }

  represent(inputs: ByModality<DeviceInputs>, context: Context): Tensor {
    const [image, text] = [inputs[this.#image.name]!, inputs[this.#text.name]!];
    const maps = this.#maps;
    return scope(() => {
      const words = cast(this.#text.encoder.lastHiddenState!(text, context), "f32");
      const { mask } = inputOf(text, "text", "text");
      const changed = maps.stages.reduce(
        (map, stage, i) => this.#intoMaps[i]!.forward(stage.forward(map, context), words, mask),
        maps.stem(image, context),
      );
      const last = cast(maps.finish(changed, context), "f32");
      const [batch, height, width, channels] = last.shape as [number, number, number, number];
      const places = reshape(last, [batch, height * width, channels]);
      const read = this.#intoWords.forward(words, places);
      return concat([mean(places, { axes: [1] }), reshape(slice(read, 1, 0, 1), [batch, -1])], 1);
    });
  }
}

export const me: Method = {
  name: "me",
  description: "the loss of one classifier on maps that words change and words that the map changes",
  architecture: jointArchitecture(
    "words are injected into each map of the image, and its places into the words",
    (path, parts) => new Injection(path, parts),
  ),
  reads: ["image", "text"],
  projects: "no other width",
  unimodalHeadsAreProbes: false,
  fields: FIELDS,
};
