/** The command line: its commands, a file each, and the exit status. */
import { Command, CommanderError } from "commander";
import { describeError, EXIT } from "../app/errors.ts";
import { SHARED } from "../app/launch.ts";
import { nearest } from "../base/nearest.ts";
import { VERSION } from "../base/version.ts";
import { launched } from "../distributed/launcher.ts";
import { output } from "../report/output.ts";
import { defineTrain } from "./commands/train.ts";
import { defineTune } from "./commands/tune.ts";
import { defineData } from "./commands/data.ts";
import { defineExperiment } from "./commands/experiment.ts";
import { defineLaunch } from "./commands/launch.ts";
import { defineSweep } from "./commands/sweep.ts";
import { defineEvaluate } from "./commands/evaluate.ts";
import { definePredict } from "./commands/predict.ts";
import { defineServe } from "./commands/serve.ts";
import { defineReport } from "./commands/report.ts";
import { defineExport } from "./commands/export.ts";
import { definePush } from "./commands/push.ts";
import { defineDoctor } from "./commands/doctor.ts";
import { defineConfig } from "./commands/config.ts";
import { defineCompletion } from "./commands/completion.ts";
import { commandFor, hintFor } from "./foreign_flags.ts";
import { chosenArgument, withOutputFlags } from "./options.ts";

/** In the order of the help. */
const COMMANDS: readonly ((unis: Command) => void)[] = [
  defineTrain,
  defineTune,
  defineData,
  defineExperiment,
  defineSweep,
  defineLaunch,
  defineEvaluate,
  definePredict,
  defineServe,
  defineReport,
  defineExport,
  definePush,
  defineDoctor,
  defineConfig,
  defineCompletion,
];

/** Runs a command line, such as `["train", "--epochs", "3"]`, and gives the exit status. */
export async function run(args: readonly string[]): Promise<number> {
  const unis = program(args);
  try {
    await unis.parseAsync([...args], { from: "user" });
    return end(EXIT.ok);
  } catch (error) {
    const { line, status } = describeError(error);
    if (line !== undefined) output.error(`unis: ${hinted(line, error, unis, args)}`);
    if (args.includes("--debug")) output.error(Deno.inspect(error));
    return end(status);
  }
}

function end(status: number): number {
  output.detail(
    `Ended       with status ${status}, ${(performance.now() / 1000).toFixed(1)} s after the start`,
  );
  output.close();
  return status;
}

/** The line of an error, or a better one where a flag or command comes from another tool. */
function hinted(line: string, error: unknown, unis: Command, args: readonly string[]): string {
  if (!(error instanceof CommanderError)) return line;
  if (error.code === "commander.missingMandatoryOptionValue") {
    // Most often, it is there and misspelt.
    const command = commandOf(unis, args);
    const known = (flag: string) => command.options.some(({ long }) => long === flag.split("=")[0]);
    const wrong = args.find((arg) => arg.startsWith("-") && !known(arg));
    if (wrong === undefined) return line;
    const names = command.options.map(({ long }) => long!);
    const meant = nearest(wrong, names);
    const hint = meant === undefined ? "" : ` (Did you mean ${meant}?)`;
    return hintFor(command, wrong) ?? `unknown option '${wrong}'${hint}`;
  }
  const typed = /^unknown (?:option|command) '([^']*)'/.exec(line)?.[1];
  if (typed === undefined) return line;
  if (error.code === "commander.unknownOption") return hintFor(commandOf(unis, args), typed) ?? line;
  const meant = commandFor(typed);
  return meant === undefined ? line : `unknown command '${typed}': here it is unis ${meant}`;
}

/** The command that arguments begin with. */
function commandOf(command: Command, [name, ...rest]: readonly (string | undefined)[]): Command {
  const inner = command.commands.find((child) => child.name() === name);
  return inner === undefined ? command : commandOf(inner, rest);
}

/** All commands and their flags; `args` are those of the command line, for the log. */
export function program(args: readonly string[] = []): Command {
  const unis = new Command("unis")
    .description("Multimodal classification by unimodality-supervised contrastive learning, on WebGPU")
    .version(VERSION);
  // Commands inherit both, so they come first; what is wrong is told by `run`, in one line.
  unis.exitOverride().configureOutput({ outputError: () => {} }).enablePositionalOptions();
  unis.hook("preAction", (_, command) => {
    // What is compiled has the permissions of all its commands; no other one starts programs.
    if (Deno.build.standalone && command.name() !== "launch") Deno.permissions.revokeSync({ name: "run" });
    const rank = SHARED.includes(command.name()) ? launched()?.rank : undefined;
    output.open(command.opts(), args, rank);
  });
  for (const define of COMMANDS) define(unis);
  for (const command of runnable(unis)) withOutputFlags(command);
  const names = unis.commands.map((command) => command.name());
  unis.helpCommand(false).command("help").description("show how a command is used")
    .addArgument(chosenArgument("[command]", "one of these", names))
    .argument("[subcommand]", "one below it")
    .action((...typed: (string | undefined)[]) => commandOf(unis, typed).help());
  return unis;
}

/** The commands that have none below them. */
function runnable(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(runnable);
}
