/** Resolves what a configuration learns by: the method, the encoders it uses, the modalities these read, and its settings. */
import * as z from "zod";
import { UserError } from "../base/user_error.ts";
import type { FieldValue } from "../models/encoders/fields.ts";
import { DEPARTURES, type Switch, SWITCHES } from "../models/methods/contrast.ts";
import { type Method, readOptions } from "../models/methods/method.ts";
import { chooseMethod, methods } from "../models/methods/registry.ts";
import { single } from "../models/methods/single.ts";
import { type EncoderSettings, type NamedEncoder, namedEncoders } from "./encoder_config.ts";

export interface ResolvedMethod {
  readonly method: Method;
  /** The encoders that are used: all of them, or the one whose name the method is. */
  readonly encoders: readonly NamedEncoder[];
  /** The modalities of the data that these read. */
  readonly modalities: readonly string[];
}

type Asked = {
  readonly method: string;
  readonly model: { readonly encoders: Readonly<Record<string, EncoderSettings>> };
};

/** The method of a configuration and what it learns from. Throws a UserError for a method that is none. */
export function resolveMethod({ method: name, model }: Asked): ResolvedMethod {
  const { method, encoders: used } = chooseMethod(name, Object.keys(model.encoders));
  const encoders = namedEncoders(model.encoders).filter((encoder) => used.includes(encoder.name));
  const modalities = new Set(encoders.flatMap(({ reads }) => Object.values(reads)));
  return { method, encoders, modalities: [...modalities] };
}

const off = z.boolean().default(false);

/** The settings of `model` that some methods alone heed. Configurations written before they came remain valid. */
export const switchFields = Object.fromEntries(
  Object.entries(SWITCHES).map(([name, { idle }]) => [name, z.boolean().default(idle)]),
) as Record<Switch, z.ZodDefault<z.ZodBoolean>>;

/** The settings of `semantics` that concern losses. */
export const departureFields = Object.fromEntries(
  Object.keys(DEPARTURES).map((name) => [name, off]),
) as Record<keyof typeof DEPARTURES, z.ZodDefault<z.ZodBoolean>>;

function heededBy(name: Switch): string[] {
  return methods().filter(({ switches }) => switches?.includes(name)).map((one) => one.name);
}

/** The purpose of a switch, in one line for help texts. */
export function describeSwitch(name: Switch): string {
  return `${heededBy(name).join(", ")}: ${SWITCHES[name].does}`;
}

/** Says what each method learns from, a line for each, for help texts. */
export function describeMethods(): string {
  const rows = [...methods(), { ...single, name: "<modality>" }];
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`).join("\n");
}

/** Gives the method. Throws a UserError for one that is none, and for a setting that it does not heed and that is not idle. */
export function checkMethod(
  asked: Asked & {
    readonly model: Readonly<Record<Switch, boolean>> & {
      readonly options: Readonly<Record<string, FieldValue>>;
      readonly class_encoder?: object | undefined;
    };
  },
): Method {
  const { method } = resolveMethod(asked);
  const { switches = [] } = method;
  for (const [name, { idle }] of Object.entries(SWITCHES) as [Switch, { idle: boolean }][]) {
    if (asked.model[name] === idle || switches.includes(name)) continue;
    throw new UserError(
      `"model.${name}" must be ${idle} where "method" is ${asked.method}: it is for ${
        heededBy(name).join(" and ")
      }`,
    );
  }
  readOptions(method, asked.model.options);
  if (asked.model.class_encoder === undefined || method.usesClassDistances) return method;
  const users = methods().filter(({ usesClassDistances }) => usesClassDistances).map(({ name }) => name);
  throw new UserError(
    `"model.class_encoder" must not be given where "method" is ${asked.method}: it is for ${
      users.join(" and ")
    }`,
  );
}
