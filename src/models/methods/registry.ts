/** The methods there are, one line each, and the choice of one by a configuration. */
import { nearest } from "../../base/nearest.ts";
import { UserError } from "../../base/user_error.ts";
import { aggMm } from "./agg_mm.ts";
import type { Method } from "./method.ts";
import { cmaClip } from "./cma_clip.ts";
import { huse } from "./huse.ts";
import { lateFusion } from "./late_fusion.ts";
import { m3col } from "./m3col.ts";
import { me } from "./me.ts";
import { mmbt } from "./mmbt.ts";
import { mtMml } from "./mt_mml.ts";
import { single } from "./single.ts";
import { supMmc } from "./sup_mmc.ts";
import { unisMmc } from "./unis_mmc.ts";
import { unsupMmc } from "./unsup_mmc.ts";
import { vilt } from "./vilt.ts";

const METHODS: Method[] = [
  unisMmc,
  aggMm,
  mtMml,
  unsupMmc,
  supMmc,
  lateFusion,
  m3col,
  huse,
  mmbt,
  vilt,
  cmaClip,
  me,
];

/** Lists every method, those registered from outside last. Beside these, the name of an encoder stands for it alone. */
export function methods(): readonly Method[] {
  return METHODS;
}

/** Makes a method of one's own known, so that configurations take its name. Throws RangeError for a name that is taken. */
export function registerMethod(method: Method): void {
  if (METHODS.some(({ name }) => name === method.name)) {
    throw new RangeError(`Cannot register a method "${method.name}": there is one of that name`);
  }
  METHODS.push(method);
}

/** A method and the encoders that it uses. */
export interface ChosenMethod {
  readonly method: Method;
  /** The names of these encoders in their order: all of them, or the one that was named as the method. */
  readonly encoders: readonly string[];
}

/**
 * Chooses by a method, the name of one, or the name of an encoder, which is then used alone. Throws a UserError that lists
 * all names for one that is none of them.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { chooseMethod } from "unis/models";
 *
 * assert.deepEqual(chooseMethod("agg-mm", ["image", "text"]).encoders, ["image", "text"]);
 * assert.deepEqual(chooseMethod("text", ["image", "text"]).encoders, ["text"]);
 * assert.throws(() => chooseMethod("agg", ["image", "text"]), /did you mean "agg-mm"/);
 * ```
 */
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
