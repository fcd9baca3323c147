/** Gives an encoder the weights of a checkpoint. */
import { isAdapter } from "../nn/low_rank.ts";
import type { Parameter } from "../nn/parameter.ts";
import type { Parameters } from "../nn/parameters.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import type { EncoderType, Fitting } from "../models/encoders/encoder.ts";
import { matchNames } from "./hf_names.ts";
import type { TensorFile } from "../io/safetensors.ts";
import { allFinite } from "../base/finite.ts";
import { UserError } from "../base/user_error.ts";

/** The most names of each kind that an error lists. */
const LISTED = 8;
/** Bytes on their way to the device at once. */
const IN_FLIGHT = 64 * 2 ** 20;

export interface LoadOptions {
  /** Told what was changed to make the weights fit. */
  readonly warn?: (message: string) => void;
}

/**
 * Overwrites the parameters below `prefix` (such as `text`, or empty for all), those of an encoder of `type`, by a
 * checkpoint's, tensor by tensor; a tensor of another shape where the type knows how to fit it. Throws a UserError listing
 * tensors that are missing, unexpected or of another shape, before anything is written; and one listing those that hold
 * NaN or infinity, which shows only as they are read, so that the parameters are then of no use.
 */
export async function loadEncoderWeights(
  parameters: Parameters,
  prefix: string,
  checkpoint: TensorFile,
  { model_type, checkpoint: format }: EncoderType,
  { warn = () => {} }: LoadOptions = {},
): Promise<void> {
  if (format === undefined) {
    throw new TypeError(`Cannot load weights into "${prefix}": a ${model_type} has no checkpoints`);
  }
  const own = ownParameters(parameters, prefix);
  const matching = matchNames(format, own.keys(), checkpoint.tensors.keys());
  const { keys, unexpected } = matching;
  const isCounter = (name: string) => format.counters?.test(name) ?? false;
  const missing = matching.missing.filter((name) => !isCounter(name));
  const fittings = new Map<string, Fitting>();
  const misshapen: string[] = [];
  for (const [name, key] of keys) {
    const { shape } = own.get(name)!;
    const stored = checkpoint.tensors.get(key)!.shape;
    if (sameShape(stored, shape)) continue;
    const fitting = format.fit?.(name, stored, shape);
    if (fitting === undefined) misshapen.push(`${key} is ${showShape(stored)}, not ${showShape(shape)}`);
    else fittings.set(name, fitting);
  }
  const what = `Cannot load ${checkpoint.path} as a ${model_type}`;
  const advice = Object.entries(format.advice ?? {})
    .flatMap(([module, said]) => missing.some((name) => name.startsWith(`${module}.`)) ? [`; ${said}`] : []);
  refuse(what, { missing, unexpected, misshapen }, advice.join(""));

  const notFinite: string[] = [];
  let sent = 0;
  for (const [name, parameter] of own) {
    const key = keys.get(name);
    if (key === undefined) continue; // a counter, which begins at 0
    const stored = isCounter(name)
      ? Float32Array.from(checkpoint.readTyped(key) as ArrayLike<number | bigint>, Number)
      : checkpoint.readFloat32(key);
    if (!allFinite(stored)) notFinite.push(key);
    const fitting = fittings.get(name);
    if (fitting !== undefined) warn(fitting.note);
    parameters.write(parameter.name, fitting === undefined ? stored : fitting.values(stored));
    sent += stored.byteLength;
    if (sent < IN_FLIGHT) continue;
    await parameter.value.gpu.read([]); // what was sent stays in memory until the device has taken it
    sent = 0;
  }
  refuse(what, { "not finite (they hold NaN or infinity: get an undamaged checkpoint)": notFinite });
}

/** Parameters and buffers below a prefix, adapters aside, by their names without it. */
function ownParameters(parameters: Parameters, prefix: string): Map<string, Parameter> {
  const start = prefix === "" ? "" : `${prefix}.`;
  const own = new Map<string, Parameter>();
  for (const parameter of parameters.state()) {
    // No checkpoint has adapters.
    if (parameter.name.startsWith(start) && !isAdapter(parameter.name)) {
      own.set(parameter.name.slice(start.length), parameter);
    }
  }
  if (own.size === 0) throw new RangeError(`Cannot load an encoder at "${prefix}": it has no parameters`);
  return own;
}

function refuse(what: string, wrong: Readonly<Record<string, readonly string[]>>, advice = ""): void {
  const parts = Object.entries(wrong).filter(([, names]) => names.length > 0).map(([kind, names]) => {
    const more = names.length > LISTED ? `, and ${names.length - LISTED} more` : "";
    return `${kind}: ${names.slice(0, LISTED).join(", ")}${more}`;
  });
  if (parts.length > 0) throw new UserError(`${what}: tensors are ${parts.join("; ")}${advice}`);
}
