/** The encoder of a method that learns by one kind of encoder alone, made of the encoders that a configuration has. */
import { knownType } from "../models/encoders/registry.ts";
import { methods } from "../models/methods/registry.ts";
import { fieldsFrom } from "./encoder_kind.ts";

/** The name of the encoder that takes the place of several. */
const JOINT = "joint";

type Settings = Record<string, unknown>;
type Given = {
  method?: unknown;
  model?: { encoders?: Record<string, Settings> };
  optimizer?: { learning_rates?: Record<string, unknown>; weight_decays?: Record<string, unknown> };
};

/**
 * Where the method learns by an encoder of one kind, and the configuration has encoders of single modalities, these make way
 * for one of that kind, "joint": it reads what they read, and each of its fields is that of the first of them that has it, or
 * the default; what is said of "joint" itself comes before that. Changes the configuration, which need not be valid.
 */
export function settleMethodEncoder(config: object): void {
  const { method: name, model, optimizer } = config as Given;
  const method = methods().find((one) => one.name === name);
  const type = knownType(method?.encoder);
  const encoders = model?.encoders;
  if (type === undefined || encoders === undefined) return;
  if (Object.values(encoders).some(({ model_type }) => knownType(model_type) === type)) return;
  const { [JOINT]: said, ...given } = encoders;
  const parts = Object.entries(given).map(([part, settings]) => {
    const own = knownType(settings.model_type);
    return { part, settings, kinds: Object.values(own?.inputs ?? {}) };
  });
  const inputs: Record<string, string> = {};
  for (const [input, kind] of Object.entries(type.inputs)) {
    const part = parts.find(({ kinds }) => kinds.length === 1 && kinds[0] === kind)?.part;
    if (part === undefined) return; // what is missing is told by whoever checks the configuration
    inputs[input] = part;
  }
  const read = parts.filter(({ part }) => Object.values(inputs).includes(part));
  const fields = fieldsFrom(type, read.map(({ settings }) => settings));
  model!.encoders = {
    [JOINT]: { model_type: type.model_type, frozen: false, ...fields, inputs, ...said },
  };
  for (const settings of [optimizer?.learning_rates, optimizer?.weight_decays]) {
    if (settings === undefined) continue;
    for (const part of Object.keys(given)) {
      settings[JOINT] ??= settings[part];
      delete settings[part];
    }
    if (settings[JOINT] === undefined) delete settings[JOINT];
  }
}
