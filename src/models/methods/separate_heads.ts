/** The architecture of the paper: each encoder has a head on its representation, and their fusion has one too. */
import { UserError } from "../../base/user_error.ts";
import type { Context } from "../../nn/context.ts";
import { xavierNormal } from "../../nn/initializers.ts";
import { Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { full } from "../../ops/fill.ts";
import { concat, detach } from "../../ops/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Classifier } from "../classifier.ts";
import type { Encoder } from "../encoders/encoder.ts";
import { type DeviceInputs, type GraphInputs, representationIn } from "../encoders/inputs.ts";
import { presenceIn } from "../encoders/optional.ts";
import { type ByModality, mapModalities } from "../losses/pairs.ts";
import {
  type Architecture,
  type ArchitectureParts,
  type BuiltArchitecture,
  FUSION,
  type GraphOutputs,
  type Outputs,
} from "./architecture.ts";
import type { Fusion } from "./fusion.ts";

/** The names of parameters of projections begin so; no encoder may be called so. */
export const PROJECTION = "projection";

/** Encoders, each with a linear projection where representations are to be of another width, and the head on it. */
export class UnimodalHeads {
  readonly encoders: ByModality<Encoder>;
  /** The width of each representation, by encoder. */
  readonly widths: ByModality<number>;
  readonly #projections: ByModality<Linear | undefined>;
  readonly #heads: ByModality<Classifier>;

  constructor(path: ModulePath, { encoders, head, projection }: ArchitectureParts) {
    this.encoders = encoders;
    this.widths = mapModalities(encoders, ({ hiddenSize }) => projection ?? hiddenSize);
    this.#projections = mapModalities(
      encoders,
      ({ hiddenSize }, name) =>
        projection === undefined ? undefined : new Linear(
          path.at(`${PROJECTION}.${name}.0`),
          hiddenSize,
          projection,
          { initializer: xavierNormal },
        ),
    );
    this.#heads = mapModalities(this.widths, (width, name) => head(path.at(name), name, width));
  }

  /** The representation of every encoder, projected, or the one that its inputs stand for: f32 [batch, width]. */
  represent(inputs: ByModality<DeviceInputs>, context: Context): ByModality<Tensor> {
    return mapModalities(this.encoders, (encoder, name) => {
      const given = representationIn(inputs[name]!);
      if (given) return given;
      const representation = encoder.represent(inputs[name]!, context);
      return this.#projections[name]?.forward(representation) ?? representation;
    });
  }

  /** The logits of every head, [batch, classes]. */
  classify(representations: ByModality<Tensor>, context: Context): ByModality<Tensor> {
    return mapModalities(representations, (r, name) => this.#heads[name]!.forward(r, context));
  }

  /** Both in a graph of ONNX. Throws a UserError for an encoder that does not say how. */
  toOnnx(inputs: ByModality<GraphInputs>): GraphOutputs {
    const representations = mapModalities(this.encoders, (encoder, name) => {
      const representation = encodeInOnnx(encoder, name, inputs);
      return this.#projections[name]?.toOnnx(representation) ?? representation;
    });
    return {
      representations,
      logits: mapModalities(representations, (r, name) => this.#heads[name]!.toOnnx(r)),
    };
  }
}

/** 1 where a sample has a modality, else 0: f32 [batch, 1] for each of these modalities, of a batch of so many samples. */
export function indicatorsOf(
  modalities: readonly string[],
  inputs: ByModality<DeviceInputs>,
  { gpu, shape: [batch] }: Tensor,
): Tensor[] {
  return modalities.map((name) => presenceIn(inputs[name]!)?.indicator ?? full(gpu, [batch!, 1], 1));
}

/** Unimodal heads, on detached representations where they are `probes`; and a head on what `fusion` makes of these. */
export function separateHeads(fusion: Fusion | undefined, probes: boolean): Architecture {
  return {
    description: fusion?.description ?? "one encoder alone",
    build: (path, parts) => new SeparateHeads(path, parts, fusion, probes),
  };
}

class SeparateHeads implements BuiltArchitecture {
  readonly unimodalHeads: readonly string[];
  readonly hasFusion: boolean;
  readonly takesRepresentations = true;
  readonly widths: ByModality<number>;
  readonly #unimodal: UnimodalHeads;
  readonly #fusion: Fusion | undefined;
  readonly #fused: Classifier | undefined;
  readonly #probes: boolean;
  readonly #isToldPresence: boolean;

  constructor(path: ModulePath, parts: ArchitectureParts, fusion: Fusion | undefined, probes: boolean) {
    this.#unimodal = new UnimodalHeads(path, parts);
    this.unimodalHeads = Object.keys(parts.encoders);
    this.widths = this.#unimodal.widths;
    this.#fusion = fusion;
    this.#isToldPresence = parts.isToldPresence ?? false;
    const told = this.#isToldPresence ? this.unimodalHeads.length : 0;
    this.#fused = fusion &&
      parts.head(path.at(FUSION), FUSION, fusion.width(Object.values(this.#unimodal.widths)) + told);
    this.hasFusion = fusion !== undefined;
    this.#probes = probes;
  }

  forward(inputs: ByModality<DeviceInputs>, context: Context): Outputs {
    const representations = this.#unimodal.represent(inputs, context);
    const seen = this.#probes ? mapModalities(representations, detach) : representations;
    const unimodalLogits = this.#unimodal.classify(seen, context);
    if (!this.#fusion) return { representations, unimodalLogits };
    const fusion = this.#fusion.fuse(Object.values(representations));
    const fused = this.#isToldPresence
      ? concat([fusion, ...indicatorsOf(this.unimodalHeads, inputs, fusion)], 1)
      : fusion;
    return { representations, unimodalLogits, fused, fusedLogits: this.#fused!.forward(fused, context) };
  }

  toOnnx(inputs: ByModality<GraphInputs>): GraphOutputs {
    const { representations, logits } = this.#unimodal.toOnnx(inputs);
    if (!this.#fusion) return { representations, logits };
    if (this.#fusion.toOnnx === undefined) throw noOnnx(`the fusion "${this.#fusion.description}"`);
    const fusion: Value = this.#fusion.toOnnx(Object.values(representations));
    const indicators = this.#isToldPresence ? presentIn(inputs, fusion) : [];
    const fused = indicators.length > 0 ? onnx.concat([fusion, ...indicators], 1) : fusion;
    return { representations, logits: { ...logits, [FUSION]: this.#fused!.toOnnx(fused) } };
  }
}

/** 1 where a sample has a modality, else 0, in the type of `like`, [batch, 1]. Throws TypeError where the inputs do not say so. */
export function presentIn(inputs: ByModality<GraphInputs>, like: Value): Value[] {
  return Object.entries(inputs).map(([name, own]) => {
    const { present } = Object.values(own)[0]!;
    if (present === undefined) {
      throw new TypeError(`Cannot build a graph that is not told who has the "${name}"`);
    }
    return onnx.cast(present, like.type);
  });
}

/** The representation of an encoder in a graph of ONNX. Throws a UserError where it does not say how. */
export function encodeInOnnx(encoder: Encoder, name: string, inputs: ByModality<GraphInputs>): Value {
  if (encoder.toOnnx === undefined) throw noOnnx(`the encoder "${name}"`);
  return encoder.toOnnx(inputs[name]!);
}

/** The error for a part of a model that has no `toOnnx`. */
export function noOnnx(what: string): UserError {
  return new UserError(
    `Cannot export to ONNX: ${what} does not say how (it has no toOnnx). Export to transformers`,
  );
}
