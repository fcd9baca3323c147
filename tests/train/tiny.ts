/** A data set, a configuration and an observer small enough for tests. */
import { LIGHT_AUGMENTATION } from "../../src/data/images/augmentation.ts";
import type { Batch, Split } from "../../src/data/batch.ts";
import { type Dataset, type EpochKey, type Sample, SampleDataset } from "../../src/data/dataset.ts";
import { ImageModality, TextModality } from "../../src/data/modalities.ts";
import { Random } from "../../src/base/random.ts";
import { TextTokenizer } from "../../src/data/text/tokenizer.ts";
import { wordPieceJson } from "../../src/data/text/tokenizer_json.ts";
import { numbered } from "../../src/data/text/word_piece.ts";
import { type RunConfig, withSettings } from "../../src/config/run_config.ts";
import { PRESETS } from "../../src/config/presets.ts";
import type { EpochRecord, Observer } from "../../src/runs/records.ts";

const WORDS = ["red", "green", "blue", "dot", "line"];
const SIZE = 8;

/** Images of three colours, with noise, and texts that name the colour among other words. */
export function tinyData(counts: Record<Split, number>): SampleDataset {
  const tokenizer = new TextTokenizer(
    wordPieceJson(numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...WORDS])),
  );
  const random = new Random(7);
  const samples: Sample[] = [], images: Uint8Array[] = [], texts: string[] = [];
  for (const split of ["train", "validation", "test"] as const) {
    for (let i = 0; i < counts[split]; i++) {
      const label = i % 3;
      samples.push({ id: `${split}, "${i}"`, label, split });
      images.push(
        Uint8Array.from(
          { length: SIZE * SIZE * 3 },
          (_, at) => 255 * random.uniform() * (at % 3 === label ? 1 : 0.6),
        ),
      );
      const words = [WORDS[3]!, WORDS[4]!, WORDS[label]!].slice(Math.floor(3 * random.uniform()));
      texts.push(words.join(" "));
    }
  }
  return new SampleDataset({
    name: "tiny",
    classes: ["warm", "fresh, green", "cold"],
    samples,
    parts: [
      new ImageModality(
        {
          name: "image",
          kind: "image",
          height: SIZE,
          width: SIZE,
          mean: [0.5, 0.5, 0.5],
          std: [0.5, 0.5, 0.5],
        },
        { image: (i) => ({ pixels: images[i]!, height: SIZE, width: SIZE }) },
        { augmentation: LIGHT_AUGMENTATION, flippable: () => true, background: 255 },
      ),
      new TextModality("text", tokenizer, texts, { maxTokens: 8, wordDropout: 0.2 }),
    ],
  });
}

/** Settings that make models of the emoji preset tiny. */
export const TINY_MODEL = ["image", "text"].flatMap((name) => [
  `model.encoders.${name}.hidden_size=8`,
  `model.encoders.${name}.num_hidden_layers=1`,
  `model.encoders.${name}.num_attention_heads=2`,
  `model.encoders.${name}.intermediate_size=16`,
]).concat("model.head.hidden_size=16");

/** Dropout, warm-up, a shorter last batch and a shorter last micro-batch occur. */
export function tinyConfig(...settings: string[]): RunConfig {
  return withSettings(PRESETS.emoji, [
    ...TINY_MODEL,
    `data.image_size=${SIZE}`,
    "model.encoders.image.patch_size=4",
    "model.encoders.text.hidden_dropout_prob=0.1",
    "model.encoders.text.attention_probs_dropout_prob=0.1",
    "optimizer.encoder_learning_rate=0.01",
    "optimizer.head_learning_rate=0.01",
    "optimizer.learning_rates={}",
    "optimizer.warmup_steps=3",
    "training.micro_batch=8",
    "training.batch=16",
    "training.evaluation_batch=16",
    "training.epochs=3",
    ...settings,
  ]);
}

/**
 * The same data set; `beforeBatch` is called before each batch is made, with the number of those made before and the split. What
 * it throws is thrown where the batch is awaited.
 */
export function watched(data: Dataset, beforeBatch: (made: number, split: Split) => void): Dataset {
  let made = 0;
  return {
    name: data.name,
    classes: data.classes,
    modalities: data.modalities,
    count: (split) => data.count(split),
    id: (split, row) => data.id(split, row),
    label: (split, row) => data.label(split, row),
    text: (split, row) => data.text(split, row),
    async batch(split: Split, rows: Uint32Array, augment?: EpochKey): Promise<Batch> {
      beforeBatch(made++, split);
      return await data.batch(split, rows, augment);
    },
  };
}

/** An observer that only hears of finished epochs. */
export function silent(epochEnded: (record: EpochRecord) => void = () => {}): Observer {
  return { planned() {}, measured() {}, progressed() {}, note() {}, epochEnded };
}
