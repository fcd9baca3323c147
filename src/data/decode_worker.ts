// Runs in a worker: reads, decodes and prepares one image file after the other.
import { decodeRgb } from "./image.ts";
import { type ImagePreparation, prepareImage } from "./prepare_image.ts";

export interface DecodeJob {
  number: number;
  path: string;
  preparation: ImagePreparation;
}

export type DecodeAnswer =
  | { number: number; pixels: Uint8Array; height: number; width: number }
  | { number: number; error: string };

interface WorkerScope {
  onmessage: ((event: MessageEvent<DecodeJob>) => void) | null;
  postMessage(answer: DecodeAnswer, transfer: Transferable[]): void;
}

const scope = self as unknown as WorkerScope;
scope.onmessage = async ({ data: { number, path, preparation } }) => {
  try {
    const image = prepareImage(await decodeRgb(await Deno.readFile(path)), preparation);
    const pixels = image.pixels.slice(); // of its own buffer, which goes over without a copy
    scope.postMessage({ ...image, number, pixels }, [pixels.buffer]);
  } catch (error) {
    scope.postMessage({ number, error: error instanceof Error ? error.message : String(error) }, []);
  }
};
