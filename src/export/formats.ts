/** All formats that a run can be exported in: one row each, and the file that writes it. */
import type { ExportFormat } from "./export_format.ts";

/** The first is the one where nothing is said. */
export const FORMATS = [
  {
    name: "transformers",
    description: "a folder for each encoder, which transformers loads, and the heads",
    precisions: ["f32"],
    saysPresence: false,
    packages: ["torch", "transformers", "safetensors", "pillow"],
    load: async () => (await import("./transformers.ts")).writeTransformers,
  },
  {
    name: "onnx",
    description: "one graph from pixels, token ids and numbers to the logits of every head",
    precisions: ["f32", "f16"],
    saysPresence: true,
    packages: ["onnxruntime", "tokenizers", "numpy", "pillow"],
    load: async () => (await import("./onnx.ts")).writeOnnxExport,
  },
] as const satisfies readonly ExportFormat[];
