/** What a data set would say of images, texts and features, for tests that build encoders without one. */
import type { FeatureSpec, ImageSpec, TextSpec } from "../../src/models/encoders/inputs.ts";

const HALF = [0.5, 0.5, 0.5] as const;

/** Square images. */
export function images(
  side: number,
  mean: ImageSpec["mean"] = HALF,
  std: ImageSpec["std"] = HALF,
): ImageSpec {
  return { kind: "image", name: "image", height: side, width: side, mean, std };
}

export function texts(vocabularySize: number, maxTokens: number): TextSpec {
  return { kind: "text", name: "text", vocabularySize, maxTokens, padId: 0 };
}

export function features(width: number): FeatureSpec {
  return { kind: "features", name: "features", width };
}
