/** The architecture of joint encoders: modalities meet within the encoding, so that there is one representation of all. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { Value } from "../../onnx/graph.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DeviceInputs, GraphInputs, HostInputs } from "../encoders/inputs.ts";
import type { ByModality } from "../losses/pairs.ts";
import { type Architecture, type ArchitectureParts, type BuiltArchitecture, FUSION } from "./architecture.ts";
import { noOnnx } from "./separate_heads.ts";

/** Makes one representation of the inputs of several encoders, by their parts and parameters of its own. */
export interface JointEncoding {
  readonly hiddenSize: number;
  /** Sends a batch to the device, in tensors of the current scope; as each encoder does for itself if not given. */
  upload?(gpu: Gpu, inputs: ByModality<HostInputs>): ByModality<DeviceInputs>;
  /** From the inputs of each encoder to f32 [batch, hiddenSize]. */
  represent(inputs: ByModality<DeviceInputs>, context: Context): Tensor;
  toOnnx?(inputs: ByModality<GraphInputs>): Value;
}

/** One head, "fusion", on a joint encoding; no modality has a head of its own. */
export function jointArchitecture(
  description: string,
  encode: (path: ModulePath, parts: ArchitectureParts) => JointEncoding,
): Architecture {
  return {
    description,
    build(path, parts): BuiltArchitecture {
      const encoding = encode(path.at("joint"), parts);
      const head = parts.head(path.at(FUSION), FUSION, encoding.hiddenSize);
      return {
        unimodalHeads: [],
        widths: { [FUSION]: encoding.hiddenSize },
        hasFusion: true,
        ...(encoding.upload && { upload: (gpu, inputs) => encoding.upload!(gpu, inputs) }),
        forward(inputs, context) {
          const fused = encoding.represent(inputs, context);
          return {
            representations: {},
            unimodalLogits: {},
            fused,
            fusedLogits: head.forward(fused, context),
          };
        },
        toOnnx(inputs) {
          if (encoding.toOnnx === undefined) throw noOnnx(description);
          const fused = encoding.toOnnx(inputs);
          return { representations: { [FUSION]: fused }, logits: { [FUSION]: head.toOnnx(fused) } };
        },
      };
    },
  };
}
