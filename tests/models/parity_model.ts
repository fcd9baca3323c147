/** The model and the batches that the parity fixture holds. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import type { ImageSpec } from "../../src/models/encoders/inputs.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { type Fixture, summary } from "./fixtures.ts";
import { images, texts } from "./tiny_specs.ts";

const { image, text, heads, normalisation, temperature, contrastive_weight } = summary.parity;

/** The model with the fixture's weights; `withF16` for training in f16. */
export function build(gpu: Gpu, fixture: Fixture, withF16 = false) {
  const parameters = new Parameters();
  const { mean, std } = normalisation as unknown as Pick<ImageSpec, "mean" | "std">;
  const model = new MultimodalClassifier(parameters.root, {
    image: (path) => vit.build(path, vit.configure(image), { image: images(image.image_size, mean, std) }),
    text: (path) =>
      bert.build(path, bert.configure(text), { text: texts(text.vocab_size, text.max_position_embeddings) }),
  }, {
    method: "unis-mmc",
    classifier: { classes: heads.classes, hidden_size: heads.hidden_size },
    contrast: { temperature },
    contrastiveWeight: contrastive_weight,
  });
  parameters.allocate(gpu, 0, undefined, withF16);
  fixture.load(parameters, ["image.", "text.", "heads."]);
  return { parameters, model };
}

/** A batch of the fixture on the device. */
export function upload(gpu: Gpu, fixture: Fixture, model: MultimodalClassifier, batch: number) {
  const [, height, width] = fixture.shape(`batch.${batch}.pixels`) as [number, number, number];
  const [size, tokens] = fixture.shape(`batch.${batch}.ids`) as [number, number];
  const inputs = model.upload(gpu, {
    image: { kind: "image", pixels: fixture.bytes(`batch.${batch}.pixels`), height, width },
    text: {
      kind: "text",
      ids: fixture.words(`batch.${batch}.ids`),
      mask: fixture.words(`batch.${batch}.mask`),
      tokens,
    },
  });
  return { inputs, labels: Tensor.from(gpu, fixture.words(`batch.${batch}.labels`), [size]) };
}
