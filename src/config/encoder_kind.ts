/** What becomes of an encoder's fields where its kind changes. */
import type { EncoderType } from "../models/encoders/encoder.ts";
import { knownType } from "../models/encoders/registry.ts";

type Settings = Record<string, unknown>;
type Given = { model?: { encoders?: Record<string, Settings> } };

/** Fields for a kind of encoder: each is that of the first of some encoders that has it, or where it must be said the default. */
export function fieldsFrom(type: EncoderType, encoders: readonly Settings[]): Settings {
  return Object.fromEntries(
    Object.entries(type.fields).filter(([, { setting }]) => setting !== "derived").flatMap(([key, field]) => {
      const found = encoders.find((settings) => settings[key] !== undefined)?.[key];
      const isKnown = found !== undefined && (field.options?.includes(found as string) ?? true);
      return isKnown ? [[key, found]] : field.setting === "required" ? [[key, field.default]] : [];
    }),
  );
}

/**
 * Where settings have given an encoder of the preset another `model_type`, it keeps the fields that both kinds have, takes
 * the defaults of its own kind for the others, and lets go of what only the old kind has, its pretrained weights included.
 * What the settings say themselves, by these dotted keys, stays as it is. Changes `config`, which need not be valid.
 */
export function settleEncoderKinds(preset: object, config: object, keys: readonly string[]): void {
  const before = (preset as Given).model?.encoders ?? {};
  const encoders = (config as Given).model?.encoders ?? {};
  for (const [name, settings] of Object.entries(encoders)) {
    const type = knownType(settings?.model_type);
    const old = before[name];
    if (type === undefined || old === undefined || knownType(old.model_type) === type) continue;
    const path = `model.encoders.${name}`;
    // An encoder that is said as a whole takes nothing from the one before.
    if (keys.some((key) => path === key || path.startsWith(`${key}.`))) continue;
    const isSaid = (field: string) => keys.some((key) => `${key}.`.startsWith(`${path}.${field}.`));
    const said = Object.fromEntries(Object.entries(settings).filter(([field]) => isSaid(field)));
    const { frozen, frozen_epochs, inputs } = settings;
    const ofAnyKind = Object.entries({ frozen, frozen_epochs, inputs }).filter(([, value]) =>
      value !== undefined
    );
    encoders[name] = { ...fieldsFrom(type, [settings]), ...Object.fromEntries(ofAnyKind), ...said };
  }
}
