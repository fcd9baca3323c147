/** Finds the drawings of emoji in the packages that hold them, and decodes them. */
import { dirname, join } from "node:path";
import * as z from "zod";
import { UserError } from "../../base/user_error.ts";
import { decodeRgb } from "../images/image.ts";
import { packagePath, readPackageJson, type Resolve } from "../package_file.ts";
import { plainCode } from "./catalogue.ts";

/** The styles of drawings: Noto by Google (Apache-2.0) and Twemoji (CC-BY-4.0). */
export const STYLES = ["google", "twitter"] as const;
export type Style = (typeof STYLES)[number];

/** Height and width of the images in the packages. */
export const IMAGE_SIZE = 64;

const recordsSchema = z.array(z.object({ unified: z.string(), image: z.string() }));
const packageSchema = z.object({ name: z.string(), version: z.string() });

/** The drawings of one style. */
export interface StyleImages {
  /** The name and version of the package. */
  source: string;
  /** The path of each image, by its code point sequence without U+FE0F. */
  paths: Map<string, string>;
}

/** Lists the images a package says it has, skin tones left out; whether the files are there shows when they are decoded. */
export async function readStyle(style: Style, resolve?: Resolve): Promise<StyleImages> {
  const { about, records, folder } = await readStyleFiles(style, resolve);
  const images = join(folder, "img", style, String(IMAGE_SIZE));
  return {
    source: `${about.name}@${about.version}`,
    paths: new Map(records.map(({ unified, image }) => [plainCode(unified), join(images, image)])),
  };
}

/** The package of a style: its folder, and all that is used of its files. */
export async function readStyleFiles(style: Style, resolve?: Resolve) {
  const name = `emoji-datasource-${style}`;
  const about = packageSchema.safeParse(await readPackageJson(`${name}/package.json`, resolve));
  const records = recordsSchema.safeParse(await readPackageJson(`${name}/emoji.json`, resolve));
  if (!about.success || !records.success) {
    throw new UserError(`${name}/emoji.json is not laid out as expected: run "deno install" again`);
  }
  const folder = dirname(packagePath(`${name}/package.json`, resolve));
  return { about: about.data, records: records.data, folder };
}

/** Decodes images of 64x64 one after the other into bytes; a missing or unreadable file is a `UserError` naming it. */
export async function decodeImages(paths: readonly string[]): Promise<Uint8Array> {
  const size = IMAGE_SIZE * IMAGE_SIZE * 3;
  const bytes = new Uint8Array(paths.length * size); // [images, 64, 64, 3]
  for (const [index, path] of paths.entries()) {
    let file: Uint8Array;
    try {
      file = await Deno.readFile(path);
    } catch (cause) {
      throw new UserError(`Cannot read the image ${path}: run "deno install" again`, { cause });
    }
    let image;
    try {
      image = await decodeRgb(file);
    } catch (cause) {
      throw new UserError(`${path} is not a readable image: run "deno install" again`, { cause });
    }
    if (image.width !== IMAGE_SIZE || image.height !== IMAGE_SIZE) {
      throw new UserError(
        `${path} is ${image.width}x${image.height} pixels, not ${IMAGE_SIZE}x${IMAGE_SIZE}`,
      );
    }
    bytes.set(image.pixels, index * size);
  }
  return bytes;
}
