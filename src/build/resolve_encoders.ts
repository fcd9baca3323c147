/** The encoders of a run, of which all is known: what their type says, what the configuration says and what the data says. */
import { nearest } from "../base/nearest.ts";
import { UserError } from "../base/user_error.ts";
import { type NamedEncoder, namedEncoders } from "../config/encoder_config.ts";
import { resolveMethod } from "../config/method_config.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { Dataset, ModalitySpec } from "../data/dataset.ts";
import { fuses } from "../models/methods/method.ts";
import type { EncoderConfig } from "../models/encoders/encoder.ts";

/** The part of a data set that a model must know to be built for it. */
export type ModelData = Pick<Dataset, "name" | "classes" | "scale" | "modalities">;

export interface ResolvedEncoder extends NamedEncoder {
  /** All fields of its type. */
  readonly config: EncoderConfig;
  /** The modality of the data set that each input reads. */
  readonly specs: Readonly<Record<string, ModalitySpec>>;
}

/**
 * The encoders that a run uses, in the order of the last modality that each reads. Throws a UserError where encoders and
 * data do not fit.
 */
export function resolveEncoders(config: RunConfig, data: ModelData): ResolvedEncoder[] {
  const names = data.modalities.map(({ name }) => name);
  for (const encoder of namedEncoders(config.model.encoders)) mustReadModalities(encoder, names, data);
  const { method, encoders, modalities } = resolveMethod(config);
  for (const { name, kind } of fuses(method) ? data.modalities : []) {
    if (modalities.includes(name)) continue;
    throw new UserError(`"model.encoders" needs an encoder for the ${kind} "${name}" of the data set`);
  }
  const placeOf = ({ specs }: ResolvedEncoder) =>
    Math.max(...Object.values(specs).map(({ name }) => names.indexOf(name)));
  return encoders.map((encoder) => resolve(encoder, data)).toSorted((a, b) => placeOf(a) - placeOf(b));
}

function resolve(encoder: NamedEncoder, data: ModelData): ResolvedEncoder {
  const { name, type, fields, reads } = encoder;
  const specs = Object.fromEntries(
    Object.entries(reads).map(([input, modality]) => {
      const spec = data.modalities.find((one) => one.name === modality)!;
      if (spec.kind === type.inputs[input]) return [input, spec];
      throw new UserError(
        `"model.encoders.${name}.model_type" is ${type.model_type}, which takes no ${spec.kind}`,
      );
    }),
  );
  return { ...encoder, specs, config: type.configure({ ...type.fromData(specs), ...fields }) };
}

/** Throws a UserError for an encoder of a modality that the data has not. */
function mustReadModalities(
  { name, settings, reads }: NamedEncoder,
  names: readonly string[],
  data: ModelData,
): void {
  for (const [input, modality] of Object.entries(reads)) {
    if (names.includes(modality)) continue;
    if (Object.keys(reads).length === 1) throw unknownKey("model.encoders", name, names, data);
    const said = settings.inputs?.[input] === undefined ? "is to be said" : `is "${modality}"`;
    throw new UserError(
      `"model.encoders.${name}.inputs.${input}" ${said}: the data set ${data.name} has ${names.join(", ")}`,
    );
  }
}

/** Throws a UserError for a key below `group` that is none of `names`. */
export function mustBeNames(group: string, given: object, names: readonly string[], data: ModelData): void {
  for (const key of Object.keys(given)) if (!names.includes(key)) throw unknownKey(group, key, names, data);
}

function unknownKey(group: string, key: string, names: readonly string[], data: ModelData): UserError {
  const meant = nearest(key, names);
  const hint = meant === undefined ? "" : `did you mean "${group}.${meant}"? `;
  return new UserError(
    `unknown key "${group}.${key}": ${hint}the data set ${data.name} has ${names.join(", ")}`,
  );
}
