/** `unis launch` */
import { launch } from "../app/launch.ts";
import { UserError } from "../base/user_error.ts";

export interface LaunchFlags {
  /** How many processes. */
  ranks?: number;
  /** Variables with a value for each rank: `NAME=a,b`. */
  env?: string[];
}

/** Runs a command line as ranks. Throws `RankFailed` where one fails. */
export async function launchRanks({ ranks, env = [] }: LaunchFlags, args: readonly string[]): Promise<void> {
  if (ranks === undefined) {
    throw new UserError(`unis launch needs --ranks NUMBER, how many processes shall share unis ${args[0]}`);
  }
  await launch(ranks, args, Object.fromEntries(env.map((text) => variable(text, ranks))));
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
