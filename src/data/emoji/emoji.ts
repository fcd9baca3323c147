/** Indexes the emoji: two drawings of each with its CLDR keywords, in classes by Unicode group or subgroup. */
import { cachedImages, defaultCacheDirectory } from "../images/image_store.ts";
import type { IndexedSample, SampleIndex } from "../index/sample_index.ts";
import type { ImageSource } from "../modalities.ts";
import type { Resolve } from "../package_file.ts";
import { type Emoji, readCatalogue } from "./catalogue.ts";
import { emojiPackages } from "./packages.ts";
import { decodeImages, IMAGE_SIZE, readStyle, STYLES } from "./images.ts";

/** A subgroup with fewer emoji is no class of its own. */
const SMALLEST_SUBGROUP = 10;
const WHITE = 255;

export interface EmojiOptions {
  /** Unicode groups (9 classes) or the subgroups that have at least 10 emoji. */
  readonly labels?: "group" | "subgroup";
  /** The folder for the decoded images, `undefined` for the usual one; `false` keeps none. */
  readonly cacheDirectory?: string | false;
  /** Is called with what is worth knowing but no error, such as a damaged cache. */
  readonly note?: (message: string) => void;
  /** Finds the files of packages. */
  readonly resolve?: Resolve;
}

/** Indexes the emoji that come with the program. Throws a UserError for a package that is missing. */
export async function indexEmoji(options: EmojiOptions = {}): Promise<SampleIndex> {
  const { labels = "group", note = console.warn } = options;
  const directory = options.cacheDirectory === false
    ? undefined
    : options.cacheDirectory ?? defaultCacheDirectory();
  const resolve = options.resolve ?? await emojiPackages(directory ?? defaultCacheDirectory());
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
  return {
    name: "emoji",
    source: "the emoji",
    classes,
    modalities: [
      { name: "image", kind: "image", background: WHITE, openOriginals },
      { name: "text", kind: "text", isSet: true }, // keywords
    ],
    samples: drawings.flatMap(({ emoji, id, path }, at): IndexedSample[] => {
      const label = classNumber.get(emoji[labels]);
      if (label === undefined) return [];
      const { split, text, flippable: isMirrorable } = emoji;
      return [{ file: "emoji", row: at + 1, id, label, split, inputs: { image: path, text }, isMirrorable }];
    }),
    faults: [],
  };

  /** All drawings as they are, decoded at once, so that every set of labels shares one cache. */
  async function openOriginals(paths: readonly string[]): Promise<ImageSource> {
    const store = await cachedImages({ count: drawings.length, height: IMAGE_SIZE, width: IMAGE_SIZE }, {
      directory,
      name: "emoji",
      content: [...styles.map(({ source }) => source), ...drawings.map(({ id }) => id)],
      note,
    }, () => decodeImages(drawings.map(({ path }) => path)));
    const numbers = new Map(drawings.map(({ path }, number) => [path, number]));
    return { image: (sample) => store.image(numbers.get(paths[sample]!)!) };
  }
}

function distinct(emoji: readonly Emoji[], key: "group" | "subgroup"): string[] {
  return [...new Set(emoji.map((one) => one[key]))];
}

function largeSubgroups(emoji: readonly Emoji[]): string[] {
  return distinct(emoji, "subgroup").filter((name) =>
    emoji.filter(({ subgroup }) => subgroup === name).length >= SMALLEST_SUBGROUP
  );
}
