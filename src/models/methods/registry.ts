/** All methods there are, by name: one line each; and which one a configuration means. */
import { nearest } from "../../base/nearest.ts";
import { UserError } from "../../base/user_error.ts";
import { aggMm } from "./agg_mm.ts";
import type { Method } from "./method.ts";
import { mtMml } from "./mt_mml.ts";
import { single } from "./single.ts";
import { supMmc } from "./sup_mmc.ts";
import { unisMmc } from "./unis_mmc.ts";
import { unsupMmc } from "./unsup_mmc.ts";

const METHODS: Method[] = [
  unisMmc,
  aggMm,
  mtMml,
  unsupMmc,
  supMmc,
];

/** Every method, those registered from outside last; beside these, the name of an encoder stands for that one alone. */
export function methods(): readonly Method[] {
  return METHODS;
}

/** Makes a method of one's own known: configurations then take its name. Throws RangeError for a name that is taken. */
export function registerMethod(method: Method): void {
  if (METHODS.some(({ name }) => name === method.name)) {
    throw new RangeError(`Cannot register a method "${method.name}": there is one of that name`);
  }
  METHODS.push(method);
}

/** What a model learns by, and from. */
export interface ChosenMethod {
  readonly method: Method;
  /** The names of the encoders that are used, in their order: all, or the one that was named. */
  readonly encoders: readonly string[];
}

/** What a method, the name of one or the name of an encoder mean. Throws a UserError for what is none of these. */
export function chooseMethod(given: string | Method, encoders: readonly string[]): ChosenMethod {
  const method = typeof given === "string" ? METHODS.find(({ name }) => name === given) : given;
  if (method !== undefined) return { method, encoders };
  const name = String(given);
  if (encoders.includes(name)) return { method: single, encoders: [name] };
  const known = [...METHODS.map((one) => one.name), ...encoders];
  const meant = nearest(name, known);
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  throw new UserError(`"method" must be one of ${known.join(", ")}, got "${name}"${hint}`);
}
