/** The configuration of encoders: its schema follows from what each kind of encoder says of its fields. */
import * as z from "zod";
import { UserError } from "../base/user_error.ts";
import { type EncoderType, modalitiesRead } from "../models/encoders/encoder.ts";
import type { Field, FieldValue } from "../models/encoders/fields.ts";
import { encoderType, encoderTypes } from "../models/encoders/registry.ts";
import { count, whole } from "./values.ts";

/** So many epochs, or such numbers by the beginnings of names: `{ "encoder.layer": 5 }`, or nested, `{ encoder: { layer: 5 } }`. */
export type FrozenEpochs = number | { [beginning: string]: FrozenEpochs };

const frozenEpochs: z.ZodType<FrozenEpochs> = z.lazy(() =>
  z.union([count, z.record(z.string(), frozenEpochs)], {
    error: "a number of epochs, at least 1, or such numbers by the beginnings of parameters' names",
  })
);

/** The settings of one encoder in a configuration: its own fields, of which some may be missing, and those that all encoders have. */
export type EncoderSettings = {
  model_type: string;
  /** The part that is not learned: all of it, nothing, or the embeddings and so many of the first layers. */
  frozen: boolean | number;
  /** Epochs for which it is not learned at first: all of it, or what begins with such names. */
  frozen_epochs?: FrozenEpochs | undefined;
  /** The source of the first weights; without it, they are drawn. */
  pretrained?: { source: string; commit: string | null } | undefined;
  /** For an encoder with several inputs: the modality of the data that each is, where it has not the input's name. */
  inputs?: Record<string, string> | undefined;
  [field: string]: unknown;
};

const pretrained = z.strictObject({
  source: z.string(),
  /** The commit on the hub, where it came from there. */
  commit: z.string().nullable(),
}).optional();

/** Makes the schema of one encoder, by its `model_type`, from all kinds that are registered now. */
export function encoderSchema(): z.ZodType<EncoderSettings> {
  const [first, ...others] = encoderTypes().map(schemaOf);
  return z.discriminatedUnion("model_type", [first!, ...others]) as unknown as z.ZodType<EncoderSettings>;
}

const layersFieldOf = ({ layersField = "num_hidden_layers" }: EncoderType) => layersField;

function schemaOf(type: EncoderType) {
  const { model_type, fields, inputs, checkpoint } = type;
  const hasLayers = layersFieldOf(type) in fields;
  const own = Object.entries(fields).filter(([, { setting }]) => setting !== "derived");
  const names = Object.keys(inputs);
  return z.strictObject({
    model_type: z.literal(model_type),
    ...Object.fromEntries(own.map(([name, field]) => [name, schemaOfField(field)])),
    // Configurations written before encoders could be frozen remain valid.
    frozen: z.union(hasLayers ? [z.boolean(), whole.min(1)] : [z.boolean()], {
      error: hasLayers ? "true, false or a number of layers" : "true or false",
    }).default(false),
    frozen_epochs: frozenEpochs.optional(),
    ...(checkpoint && { pretrained }),
    ...(names.length > 1 && {
      inputs: z.strictObject(Object.fromEntries(names.map((name) => [name, z.string().optional()])))
        .optional(),
    }),
  });
}

function schemaOfField({ type, minimum, above, below, options, setting }: Field): z.ZodType {
  const bounded = (number: z.ZodNumber) => {
    if (minimum !== undefined) number = number.min(minimum);
    if (above !== undefined) number = number.gt(above);
    return below === undefined ? number : number.lt(below);
  };
  const schema = type === "choice"
    ? z.literal(options as string[])
    : type === "flag"
    ? z.boolean()
    : type === "counts"
    ? z.array(bounded(z.int())).min(1)
    : bounded(type === "whole" ? z.int() : z.number());
  return setting === "optional" ? schema.optional() : schema;
}

/** An encoder that a configuration names. */
export interface NamedEncoder {
  /** The name of the encoder, which is also that of its head and of its parameters. */
  readonly name: string;
  readonly type: EncoderType;
  readonly settings: EncoderSettings;
  /** The settings that are fields of its type, as far as the configuration says them. */
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** The modality of the data that each input reads. */
  readonly reads: Readonly<Record<string, string>>;
}

/** Lists the encoders of a configuration, in its order. */
export function namedEncoders(encoders: Readonly<Record<string, EncoderSettings>>): NamedEncoder[] {
  return Object.entries(encoders).map(([name, settings]) => {
    const type = encoderType(settings.model_type);
    const fields = Object.fromEntries(
      Object.entries(settings).filter(([key, value]) => key in type.fields && value !== undefined),
    ) as Record<string, FieldValue>;
    return { name, type, settings, fields, reads: modalitiesRead(name, type.inputs, settings.inputs) };
  });
}

/** Lists the encoders of a configuration that read a modality. */
export function encodersOf(
  modality: string,
  encoders: Readonly<Record<string, EncoderSettings>>,
): NamedEncoder[] {
  return namedEncoders(encoders).filter(({ reads }) => Object.values(reads).includes(modality));
}

/** Throws a UserError where fields of an encoder do not go together, or not with what the data says of them. */
export function checkEncoders(encoders: Readonly<Record<string, EncoderSettings>>, data: object): void {
  for (const { name, type, settings: { frozen }, fields } of namedEncoders(encoders)) {
    const path = `model.encoders.${name}`;
    // A field that the data decides is a setting of the data, by the same name.
    const groups: [string, Readonly<Record<string, unknown>>][] = [[path, fields], ["data", { ...data }]];
    const said = (field: string) => {
      const [group, values] = groups.find(([, values]) => typeof values[field] === "number") ?? [];
      return group === undefined ? undefined : { key: `${group}.${field}`, value: values![field] as number };
    };
    for (const [multiple, of] of type.multiples) {
      const [a, b] = [said(multiple), said(of)];
      if (a === undefined || b === undefined || a.value % b.value === 0) continue;
      throw new UserError(`"${a.key}" must be a multiple of "${b.key}", got ${a.value} and ${b.value}`);
    }
    const layersField = layersFieldOf(type);
    const layers = fields[layersField];
    if (typeof frozen === "number" && frozen > Number(layers)) {
      throw new UserError(
        `"${path}.frozen" must be at most "${path}.${layersField}", got ${frozen} and ${layers}; ` +
          "true freezes all of the encoder",
      );
    }
  }
}
