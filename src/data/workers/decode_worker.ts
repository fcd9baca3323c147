/** Runs in a worker: decodes and prepares one image after the other. */
import { release } from "../../base/release.ts";
import { pointerIn } from "../../io/pointer_file.ts";
import { type DecodeOptions, decodeRgb, type RgbImage } from "../images/image.ts";
import { type ImagePreparation, prepareImage } from "../images/prepare_image.ts";
import { serveJobs } from "./serve_jobs.ts";

export interface DecodeJob {
  /** The path of a file, or its bytes. */
  readonly source: string | Uint8Array;
  readonly mostPixels?: number;
  readonly preparation: ImagePreparation;
}

serveJobs(async ({ source, mostPixels, preparation }: DecodeJob) => {
  const bytes = typeof source === "string" ? await Deno.readFile(source) : source;
  const decoded = await decodeAndRelease(bytes, { background: preparation.background, mostPixels });
  const image = prepareImage(decoded, preparation);
  if (image.pixels !== decoded.pixels) release(decoded.pixels);
  return image;
});

async function decodeAndRelease(bytes: Uint8Array, options: DecodeOptions): Promise<RgbImage> {
  try {
    const pointer = pointerIn(bytes);
    if (pointer !== undefined) throw new Error(`it ${pointer}`);
    return await decodeRgb(bytes, options);
  } finally {
    release(bytes);
  }
}
