/** Runs in a worker: reads, decodes and prepares one image file after the other. */
import { pointerIn } from "../../io/pointer_file.ts";
import { decodeRgb } from "../images/image.ts";
import { type ImagePreparation, prepareImage } from "../images/prepare_image.ts";
import { serveJobs } from "./serve_jobs.ts";

export interface DecodeJob {
  readonly path: string;
  readonly preparation: ImagePreparation;
}

serveJobs(async ({ path, preparation }: DecodeJob) => {
  const bytes = await Deno.readFile(path);
  const pointer = pointerIn(bytes);
  if (pointer !== undefined) throw new Error(`it ${pointer}`);
  const image = prepareImage(await decodeRgb(bytes), preparation);
  return { ...image, pixels: image.pixels.slice() }; // of its own buffer
});
