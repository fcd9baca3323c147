/** The epochs of a run as TensorBoard shows them. */
import { join } from "node:path";
import { reason } from "../io/file_bytes.ts";
import { eventFile, type Scalars } from "../io/event_file.ts";
import { UserError } from "../base/user_error.ts";
import type { PairShares } from "../metrics/metrics.ts";
import type { EpochRecord } from "./records.ts";

const PREFIX = "events.out.tfevents.";

/**
 * Makes the event file in `folder` say what the records do, no more and no less. Its bytes follow from its name and the
 * records alone, times being those of its beginning and the epochs' seconds: written again, what stays of it is the same,
 * and TensorBoard may read on meanwhile. `now` is when a new file begins.
 */
export function writeTensorBoard(
  folder: string,
  records: readonly EpochRecord[],
  now = Date.now() / 1000,
): void {
  try {
    Deno.mkdirSync(folder, { recursive: true });
    const own = Array.from(Deno.readDirSync(folder), ({ name }) => name).find((name) =>
      name.startsWith(PREFIX)
    );
    const name = own ?? `${PREFIX}${Math.floor(now)}.${Deno.hostname()}`;
    const begun = Number(name.slice(PREFIX.length).split(".")[0]);
    const bytes = eventFile(begun, scalarsOf(records, begun));
    using file = Deno.openSync(join(folder, name), { write: true, create: true });
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.truncateSync(bytes.length);
  } catch (error) {
    throw new UserError(`Cannot write event files to ${folder}: ${reason(error)}`);
  }
}

/** The scalars of each epoch, which is their step. */
export function scalarsOf(records: readonly EpochRecord[], begun: number): Scalars[] {
  let time = begun;
  return records.map((record) => ({
    step: record.epoch,
    time: time += record.seconds,
    values: Object.fromEntries([
      ...tagged("loss/training", record.training_loss),
      ...tagged("loss/validation", record.validation_loss),
      ...tagged("accuracy/training", record.training_accuracy),
      ...tagged("accuracy/validation", record.validation_accuracy),
      ...taggedPairs("pairs/training", record.pairs),
      ...taggedPairs("pairs/validation", record.validation_pairs ?? {}),
      ...tagged("learning_rate", record.learning_rates),
      ...tagged("epoch", {
        seconds: record.seconds,
        ...(record.input_wait_seconds !== undefined && { input_wait_seconds: record.input_wait_seconds }),
        ...(record.loss_scale !== undefined && { loss_scale: record.loss_scale }),
        ...(record.skipped_steps !== undefined && { skipped_steps: record.skipped_steps }),
      }),
    ]),
  }));
}

function tagged(prefix: string, values: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value]);
}

function taggedPairs(prefix: string, pairs: Readonly<Record<string, PairShares>>): [string, number][] {
  return Object.entries(pairs).flatMap(([pair, shares]) => tagged(`${prefix}/${pair}`, { ...shares }));
}
