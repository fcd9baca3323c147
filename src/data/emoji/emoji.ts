import { type Augmentation, LIGHT_AUGMENTATION } from "../images/augmentation.ts";
import { type ImageSpec, type Sample, SampleDataset } from "../dataset.ts";
import { ImageFiles } from "../images/image_files.ts";
import { cachedImages, defaultCacheDirectory } from "../images/image_store.ts";
import { ImageModality, type ImageSource, TextModality } from "../modalities.ts";
import type { Resolve } from "../package_file.ts";
import type { ImagePreparation } from "../images/prepare_image.ts";
import { ResamplePool } from "../workers/resample_pool.ts";
import type { TextTokenizer } from "../text/tokenizer.ts";
import { compactWordPiece, readBertVocabulary } from "../text/word_piece.ts";
import { type Emoji, readCatalogue } from "./catalogue.ts";
import { decodeImages, IMAGE_SIZE, readStyle, STYLES } from "./images.ts";

/** A subgroup with fewer emoji is no class of its own. */
const SMALLEST_SUBGROUP = 10;
const WHITE = 255;

export interface EmojiOptions {
  /** Unicode groups (9 classes) or the subgroups that have at least 10 emoji. */
  labels?: "group" | "subgroup";
  /** Height and width of the images handed out. */
  imageSize?: number;
  /** (byte / 255 - mean) / std, by channel; 0.5 each if not given. */
  normalisation?: Pick<ImageSpec, "mean" | "std">;
  /** How a pretrained encoder wants its images; they are then decoded in workers and kept as it wants them. */
  preparation?: ImagePreparation;
  maxTokens?: number;
  /** That of a pretrained encoder; one made for the training texts if not given. */
  tokenizer?: TextTokenizer;
  /** Strengths other than those of `LIGHT_AUGMENTATION`. */
  augmentation?: Partial<Augmentation>;
  wordDropout?: number;
  /** Folder for the decoded images; `false` keeps none. */
  cacheDirectory?: string | false;
  /** Told what is worth knowing but no error, such as a damaged cache. */
  note?: (message: string) => void;
  /** How files of packages are found. */
  resolve?: Resolve;
}

/**
 * The emoji data set: two drawings of every emoji with its CLDR keywords, to be told apart by Unicode group or subgroup.
 * A missing package or an unreadable image is a `UserError`.
 */
export async function loadEmoji(options: EmojiOptions = {}): Promise<SampleDataset> {
  const { labels = "group", imageSize = 32, maxTokens = 32, resolve, note = console.warn } = options;
  const styles = await Promise.all(
    STYLES.map(async (style) => ({ style, ...await readStyle(style, resolve) })),
  );
  // Emoji newer than the drawings have keywords but no image.
  const drawn = (await readCatalogue(resolve)).filter((emoji) =>
    styles.every(({ paths }) => paths.has(emoji.code))
  );
  const drawings = drawn.flatMap((emoji) =>
    styles.map(({ style, paths }) => ({ emoji, id: `${style}/${emoji.code}`, path: paths.get(emoji.code)! }))
  );
  const classes = labels === "group" ? distinct(drawn, "group") : largeSubgroups(drawn);
  const classNumber = new Map(classes.map((name, number) => [name, number]));
  const kept = drawings.flatMap((drawing, image) => {
    const label = classNumber.get(drawing.emoji[labels]);
    return label === undefined ? [] : [{ ...drawing, image, label }];
  });
  const directory = options.cacheDirectory === false
    ? undefined
    : options.cacheDirectory ?? defaultCacheDirectory();
  const source = options.preparation === undefined
    ? await decodedImages(drawings, styles.map(({ source }) => source), kept, { directory, note })
    : new ImageFiles(
      kept.map(({ path }) => path),
      { spec: { height: imageSize, width: imageSize }, preparation: options.preparation },
      { name: "emoji-prepared", directory, note },
    );
  const texts = kept.map(({ emoji }) => emoji.text);
  const tokenizer = options.tokenizer ?? compactWordPiece(
    new Set(kept.filter(({ emoji }) => emoji.split === "train").map(({ emoji }) => emoji.text)),
    await readBertVocabulary(resolve),
  );
  return new SampleDataset({
    name: "emoji",
    classes,
    samples: kept.map(({ id, label, emoji }): Sample => ({ id, label, split: emoji.split })),
    parts: [
      new ImageModality(
        {
          name: "image",
          kind: "image",
          height: imageSize,
          width: imageSize,
          mean: options.normalisation?.mean ?? [0.5, 0.5, 0.5],
          std: options.normalisation?.std ?? [0.5, 0.5, 0.5],
        },
        source,
        {
          augmentation: { ...LIGHT_AUGMENTATION, ...options.augmentation },
          flippable: (sample) => kept[sample]!.emoji.flippable,
          background: WHITE,
          pool: new ResamplePool(),
        },
      ),
      new TextModality("text", tokenizer, texts, {
        maxTokens,
        wordDropout: options.wordDropout ?? 0,
        shuffleWords: true, // keywords are a set
        dropUnknown: options.tokenizer === undefined,
      }),
    ],
  });
}

/** All drawings as they are, decoded at once; `kept` says which of them each sample is. */
async function decodedImages(
  drawings: readonly { id: string; path: string }[],
  sources: readonly string[],
  kept: readonly { image: number }[],
  { directory, note }: { directory: string | undefined; note: (message: string) => void },
): Promise<ImageSource> {
  const store = await cachedImages({ count: drawings.length, height: IMAGE_SIZE, width: IMAGE_SIZE }, {
    directory,
    name: "emoji",
    content: [...sources, ...drawings.map(({ id }) => id)],
    note,
  }, () => decodeImages(drawings.map(({ path }) => path)));
  return { image: (sample) => store.image(kept[sample]!.image) };
}

function distinct(emoji: readonly Emoji[], key: "group" | "subgroup"): string[] {
  return [...new Set(emoji.map((one) => one[key]))];
}

function largeSubgroups(emoji: readonly Emoji[]): string[] {
  return distinct(emoji, "subgroup").filter((name) =>
    emoji.filter(({ subgroup }) => subgroup === name).length >= SMALLEST_SUBGROUP
  );
}
