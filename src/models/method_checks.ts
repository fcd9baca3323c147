/** What encoders, their names and a method must be to each other: each check throws a UserError that says what is wrong. */
import { UserError } from "../base/user_error.ts";
import type { Encoder } from "./encoders/encoder.ts";
import type { ByModality } from "./losses/pairs.ts";
import { FUSION } from "./methods/architecture.ts";
import type { Method } from "./methods/method.ts";
import { methods } from "./methods/registry.ts";
import { PROJECTION } from "./methods/separate_heads.ts";
import type { Task } from "./tasks/task.ts";

/** The names of vectors that stand for modalities begin so, below "heads". */
export const MISSING = "missing";

/** These names stand beside encoders among parameters, predictions and losses, so no encoder may have them. */
export const RESERVED: readonly string[] = ["heads", FUSION, PROJECTION, MISSING, "total", "contrast"];

/** Whether a name is one of a property that all objects have, `constructor` say: what is kept by such names would be mixed up. */
export function isOfAllObjects(name: string): boolean {
  return name in Object.prototype;
}

/** Throws a UserError where a method needs what a task has not. */
export function mustBeDefinedFor(task: Task, method: Method): void {
  const can = ({ tasks = [task.name] }: Method) => tasks.includes(task.name);
  if (can(method)) return;
  throw new UserError(
    `Cannot train ${method.name} where "data.task" is ${task.name}: it compares samples by their classes; those that can are ${
      methods().filter(can).map(({ name }) => name).join(", ")
    }`,
  );
}

/** Throws a UserError where a method is for encoders of other inputs. */
export function mustRead({ name, reads }: Method, encoders: ByModality<Encoder>): void {
  if (reads === undefined) return;
  const found = Object.entries(encoders).map(([name, { inputs }]) => ({
    name,
    kinds: Object.values(inputs),
  }));
  const sorted = (kinds: readonly string[]) => kinds.toSorted().join();
  if (sorted(found.flatMap(({ kinds }) => kinds)) === sorted(reads)) return;
  throw new UserError(
    `Cannot train ${name}: it is for one ${reads.join(" and one ")}, and there are ` +
      found.map(({ name, kinds }) => `"${name}", which reads ${kinds.join(" and ")}`).join(", "),
  );
}

/** Throws a UserError for a method, by the name that it was asked for, that cannot learn from samples that lack a modality. */
export function mustSkip({ name: own, skipsMissing }: Method, name = own): void {
  if (skipsMissing) return;
  const able = methods().filter((one) => one.skipsMissing).map((one) => one.name);
  throw new UserError(
    `"data.missing" must be refuse where "method" is ${name}: those that learn from samples without a modality are ${
      able.join(", ")
    }`,
  );
}

/** Throws a UserError for a name that stands for something else: a method may be the name of an encoder. */
export function mustBeFree(names: readonly string[]): void {
  const taken = [...RESERVED, ...methods().map(({ name }) => name)];
  for (const name of names) {
    if (!taken.includes(name) && !isOfAllObjects(name) && /^[\w-]+$/.test(name)) continue;
    throw new UserError(
      `Cannot name a modality "${name}": use letters, digits, - and _, and none of ${taken.join(", ")}`,
    );
  }
}

/** Throws a UserError where representations differ in width: a cosine takes two vectors of one length. */
export function checkWidths(method: string, encoders: ByModality<Encoder>): void {
  const [[first, { hiddenSize }], ...others] = Object.entries(encoders) as [
    [string, Encoder],
    ...[string, Encoder][],
  ];
  const other = others.find(([, encoder]) => encoder.hiddenSize !== hiddenSize);
  if (other === undefined) return;
  const [name, encoder] = other;
  const free = methods().filter(({ contrast }) => contrast === undefined).map((one) => one.name);
  throw new UserError(
    `Cannot train ${method}: ${first} has hidden_size ${hiddenSize} and ${name} has ${encoder.hiddenSize}, but the ` +
      "contrast compares representations of one width; give a width to project all of them to as model.projection, " +
      `choose encoders of equal hidden_size, or a method without contrast: ${free.join(", ")}`,
  );
}
