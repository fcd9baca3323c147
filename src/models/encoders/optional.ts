/** An encoder of a modality that some samples lack: it encodes those that have it, and a vector stands for it in the others. */
import { UserError } from "../../base/user_error.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import { zeros } from "../../nn/initializers.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { FloatType, Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { full } from "../../ops/fill.ts";
import { gatherRows } from "../../ops/indexing.ts";
import { indices } from "../../ops/indices.ts";
import { concat, reshape } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Encoder, InputKinds } from "./encoder.ts";
import type { DeviceInputs, GraphInputs, HostInputs, PresenceInput } from "./inputs.ts";

/** What stands for a modality that a sample lacks: a vector that is learned, or zeros. */
export const STAND_INS = ["learned", "zeros"] as const;
export type StandIn = typeof STAND_INS[number];

/** The name under which presence stands beside the inputs of an encoder. */
const PRESENCE = "presence";

/** Which samples of a batch have the modality of these inputs; undefined where all have. */
export function presenceIn(inputs: DeviceInputs): PresenceInput | undefined {
  const found = inputs[PRESENCE];
  return found?.kind === "presence" ? found : undefined;
}

/** The same inputs, of a batch in which these samples have the modality. */
export function withPresence(inputs: DeviceInputs, presence: PresenceInput): DeviceInputs {
  return { ...inputs, [PRESENCE]: presence };
}

/** Sends to the device which samples of a batch have a modality: 1 for each that has it, else 0. */
export function presenceOf(gpu: Gpu, present: Uint32Array): PresenceInput {
  const batch = present.length;
  const samples = Uint32Array.from(present.keys().filter((row) => present[row] !== 0));
  const count = samples.length;
  let next = 0;
  const places = Uint32Array.from(present, (is) => is === 0 ? count : next++);
  return {
    kind: "presence",
    present: Array.from(present),
    indicator: Tensor.from(gpu, Float32Array.from(present), [batch, 1]),
    samples: count > 0 ? indices(gpu, samples, [count], { rows: batch }) : undefined,
    places: indices(gpu, places, [batch], { rows: count + 1 }),
  };
}

/**
 * An encoder that sees nothing of a sample without its modality, so that it neither learns from a filling nor normalises by one:
 * its batch are the samples that are there. The others are represented by the parameter `<name>` [hiddenSize] below `path`,
 * which alone has a gradient of theirs, or by zeros.
 */
export class OptionalEncoder implements Encoder {
  readonly hiddenSize: number;
  readonly inputs: InputKinds;
  readonly toOnnx?: (inputs: GraphInputs) => Value;
  readonly #encoder: Encoder;
  readonly #vector: Parameter | undefined;

  /** Throws a UserError for an encoder of several modalities, of which there may be one without the other. */
  constructor(path: ModulePath, name: string, encoder: Encoder, standIn: StandIn) {
    if (Object.keys(encoder.inputs).length > 1) {
      throw new UserError(
        `"data.missing" must be refuse with the encoder "${name}": it reads ${
          Object.keys(encoder.inputs).join(" and ")
        } together`,
      );
    }
    this.hiddenSize = encoder.hiddenSize;
    this.inputs = encoder.inputs;
    this.#encoder = encoder;
    this.#vector = standIn === "learned" ? path.parameter(name, [encoder.hiddenSize], zeros) : undefined;
    if (encoder.toOnnx) this.toOnnx = (inputs) => this.#completed(encoder.toOnnx!(inputs), inputs);
  }

  get patches(): Encoder["patches"] {
    return this.#encoder.patches;
  }

  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    const { present } = Object.values(inputs)[0]!;
    if (present === undefined) return this.#encoder.upload(gpu, inputs);
    const presence = presenceOf(gpu, present);
    return withPresence(presence.samples ? this.#encoder.upload(gpu, inputs) : {}, presence);
  }

  /** The representation in a graph of ONNX, whose encoder sees whatever stands for samples without the modality. */
  #completed(representation: Value, inputs: GraphInputs): Value {
    const { present } = Object.values(inputs)[0]!;
    if (present === undefined) return representation;
    const { graph } = representation;
    const type = representation.type as FloatType;
    const absent = this.#vector ? graph.weight(this.#vector, type) : onnx.scalar(0, representation);
    return onnx.where(onnx.atLeast(present, onnx.scalar(0.5, present)), representation, absent);
  }

  represent(inputs: DeviceInputs, context: Context): Tensor {
    const presence = presenceIn(inputs);
    if (presence === undefined) return this.#encoder.represent(inputs, context);
    const { samples, places, indicator: { gpu } } = presence;
    const shape = [1, this.hiddenSize];
    return scope(() => {
      const absent = this.#vector ? reshape(this.#vector.value, shape) : full(gpu, shape, 0);
      const there = samples ? [this.#encoder.represent(inputs, context)] : [];
      return gatherRows(concat([...there, absent], 0), places);
    });
  }
}
