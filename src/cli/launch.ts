/** `unis launch` */
import { launch } from "../app/launch.ts";
import { UserError } from "../base/user_error.ts";
import type { OutputFlags } from "../report/output.ts";

export interface LaunchFlags extends OutputFlags {
  /** How many processes. */
  ranks?: number;
  /** Variables with a value for each rank: `NAME=a,b`. */
  env?: string[];
  /** Traces of errors. */
  debug?: boolean;
}

/** Runs a command as ranks, which say as much as this process. Throws `RankFailed` where one fails. */
export async function launchRanks(
  flags: LaunchFlags,
  command: string,
  args: readonly string[],
): Promise<void> {
  const { ranks, env = [] } = flags;
  if (ranks === undefined) {
    throw new UserError(`unis launch needs --ranks NUMBER, how many processes shall share unis ${command}`);
  }
  const variables = Object.fromEntries(env.map((text) => variable(text, ranks)));
  await launch(ranks, [command, ...outputFlags(flags), ...args], variables);
}

function outputFlags({ quiet, verbose, log, debug }: LaunchFlags): string[] {
  const switches = Object.entries({ quiet, verbose, debug }).flatMap(([name, on]) => on ? [`--${name}`] : []);
  return log === undefined ? switches : [...switches, `--log=${log}`];
}

function variable(text: string, ranks: number): [string, readonly string[]] {
  const [, name, list] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new UserError(`--env takes NAME=value,value, got ${text}`);
  const values = list!.split(",");
  if (values.length === ranks) return [name, values];
  throw new UserError(
    `--env ${name} must have a value for each of ${ranks} ranks, parted by commas, got ${values.length}`,
  );
}
