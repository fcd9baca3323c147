/** Runs in a worker: decodes and prepares one image after the other. */
import { release } from "../../base/release.ts";
import { pointerIn } from "../../io/pointer_file.ts";
import { decodeRgb } from "../images/image.ts";
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
  const pointer = pointerIn(bytes);
  if (pointer !== undefined) throw new Error(`it ${pointer}`);
  const decoded = await decodeRgb(bytes, mostPixels);
  release(bytes);
  const image = prepareImage(decoded, preparation);
  if (image.pixels !== decoded.pixels) release(decoded.pixels);
  return image;
});
