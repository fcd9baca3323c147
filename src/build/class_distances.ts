/** How far apart the names of classes are, by a sentence encoder. */
import { loadTokenizer } from "../data/text/load_tokenizer.ts";
import { padTexts } from "../data/text/tokenizer.ts";
import { UserError } from "../base/user_error.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { openWeights } from "../io/weights_file.ts";
import { encoderType } from "../models/encoders/registry.ts";
import { cosineDistances } from "../models/losses/semantic_graph.ts";
import { EVALUATION } from "../nn/context.ts";
import { Parameters } from "../nn/parameters.ts";
import { scope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { readEncoderConfig } from "./hf_config.ts";
import { loadEncoderWeights } from "./hf_weights.ts";

/** Names that go through the encoder at once. */
const BATCH = 16;

/**
 * 1 − the cosine of every two names, [names, names]: a name is the mean of its tokens' last hidden states, as sentence
 * encoders like MiniLM have it. `folder` holds the encoder with its tokenizer. Throws a UserError for one that reads no texts.
 */
export async function nameDistances(
  gpu: Gpu,
  folder: string,
  names: readonly string[],
  warn: (message: string) => void,
): Promise<Float32Array<ArrayBuffer>> {
  const config = readEncoderConfig(folder);
  const type = encoderType(config.model_type);
  const longest = type.longestText?.(config);
  if (longest === undefined) {
    throw new UserError(`${folder} is ${type.title}, which reads no names of classes`);
  }
  const tokenizer = loadTokenizer(folder);
  const { vocabularySize, padId, maxTokens = longest } = tokenizer;
  const most = Math.min(longest, maxTokens);
  const text = { kind: "text", name: "name", vocabularySize, maxTokens: most, padId } as const;
  const parameters = new Parameters();
  const encoder = type.build(parameters.root, config, { text });
  if (encoder.lastHiddenState === undefined) {
    throw new UserError(`${folder} is ${type.title}, which gives no hidden states of tokens to average`);
  }
  parameters.freeze(() => true); // no gradients
  parameters.allocate(gpu, 0, () => true);
  try {
    {
      using checkpoint = openWeights(folder);
      await loadEncoderWeights(parameters, "", checkpoint, type, { warn });
    }
    const vectors: Float32Array[] = [];
    for (let start = 0; start < names.length; start += BATCH) {
      const ids = names.slice(start, start + BATCH).map((name) =>
        tokenizer.enclose(tokenizer.ids(name), most)
      );
      const batch = padTexts(ids, padId, most);
      const states = scope(() =>
        noGrad(() => encoder.lastHiddenState!(encoder.upload(gpu, { text: batch }), EVALUATION))
      );
      const values = await states.read() as Float32Array;
      states.dispose();
      ids.forEach((own, row) =>
        vectors.push(meanOf(values, row * batch.tokens, own.length, encoder.hiddenSize))
      );
    }
    return cosineDistances(vectors);
  } finally {
    parameters.dispose();
  }
}

/** The mean of `count` rows from `first` on, of [rows, width]. */
function meanOf(values: Float32Array, first: number, count: number, width: number): Float32Array {
  const mean = new Float32Array(width);
  for (let row = first; row < first + count; row++) {
    for (let i = 0; i < width; i++) mean[i]! += values[row * width + i]! / count;
  }
  return mean;
}
