/** All that commands print goes through here: what is shown, on which stream, and what the file of --log gets. */
import { dirname, join, parse } from "node:path";
import { UserError } from "../base/user_error.ts";
import { VERSION } from "../base/version.ts";
import { unwritable, writeFully } from "../io/file_bytes.ts";
import { makeFolder } from "../io/files.ts";

export interface OutputFlags {
  /** Results and errors alone. */
  quiet?: boolean;
  /** Details too. */
  verbose?: boolean;
  /** A file to which all is added, shown or not. */
  log?: string;
}

/** How much of it is shown: "quiet" has results and errors, "verbose" has details. */
type Level = "quiet" | "normal" | "verbose";

/** Characters of an error that are shown: it may quote a cell of a table, which may be a whole book. */
const MOST_OF_ERROR = 5000;

/** What the streams of a process are. */
export interface Streams {
  readonly noColor: boolean;
  isTerminal(stream: "stdout" | "stderr"): boolean;
}

const OF_PROCESS: Streams = { noColor: Deno.noColor, isTerminal: (stream) => Deno[stream].isTerminal() };

export class Output {
  readonly #streams: Streams;
  #level: Level = "normal";
  /** Of several processes that work together, those after the first show errors alone, with their number. */
  #rank = 0;
  #log: Deno.FsFile | undefined;

  constructor(streams: Streams = OF_PROCESS) {
    this.#streams = streams;
  }

  /**
   * Begins to show and to log as flags say; of several processes that work together, each has its `rank`. Throws a UserError where
   * the log cannot be written.
   */
  open({ quiet, verbose, log }: OutputFlags, args: readonly string[], rank = 0): void {
    this.#level = quiet ? "quiet" : verbose ? "verbose" : "normal";
    this.#rank = rank;
    if (log !== undefined) this.#log = openLog(logOf(log, rank));
    const { os, arch } = Deno.build;
    this.detail(`unis ${VERSION}, Deno ${Deno.version.deno}, ${os} ${arch}: unis ${args.join(" ")}`);
  }

  /** Goes back to showing what is normal, and closes the log. */
  close(): void {
    this.#level = "normal";
    this.#rank = 0;
    this.#log?.close();
    this.#log = undefined;
  }

  /** What the command was asked for, on standard output. */
  result(text: string): void {
    this.#record("result", text);
    if (this.#rank === 0) console.log(plain(text));
  }

  /** What goes on, on standard output. */
  note(text: string): void {
    this.#record("note", text);
    if (this.#isTold) console.log(plain(text));
  }

  /** What goes on, on standard error: where standard output is for results alone. */
  aside(text: string): void {
    this.#record("note", text);
    if (this.#isTold) console.warn(plain(text));
  }

  /** What helps to find a fault, on standard error. */
  detail(text: string): void {
    this.#record("detail", text);
    if (this.#level === "verbose" && this.#rank === 0) console.warn(plain(text));
  }

  error(text: string): void {
    this.#record("error", text);
    const line = text.length > MOST_OF_ERROR ? `${text.slice(0, MOST_OF_ERROR)}…` : text;
    console.error(plain(this.#rank === 0 ? line : `[rank ${this.#rank}] ${line}`));
  }

  get #isTold(): boolean {
    return this.#level !== "quiet" && this.#rank === 0;
  }

  /** What stands on the screen already, by a bar. */
  logged(text: string): void {
    this.#record("note", text);
  }

  /** Whether bars may move on a stream: on a terminal, unless NO_COLOR asks for text without control characters. */
  hasBars(stream: "stdout" | "stderr"): boolean {
    return this.#isTold && !this.#streams.noColor && this.#streams.isTerminal(stream);
  }

  #record(kind: string, text: string): void {
    if (this.#log === undefined) return;
    const time = new Date().toISOString();
    const lines = plain(text).split("\n").filter((line) => line !== "");
    this.#write(lines.map((line) => `${time} ${kind.padEnd(6)} ${line}\n`).join(""));
  }

  #write(text: string): void {
    writeFully(this.#log!, new TextEncoder().encode(text));
  }
}

/** Of the process, as its streams are. */
export const output = new Output();

/** That of a rank after the first is beside that of the first: train.rank1.log. */
function logOf(path: string, rank: number): string {
  const { dir, name, ext } = parse(path);
  return rank === 0 ? path : join(dir, `${name}.rank${rank}${ext}`);
}

function openLog(path: string): Deno.FsFile {
  try {
    makeFolder(dirname(path));
    return Deno.openSync(path, { append: true, create: true });
  } catch (error) {
    throw error instanceof UserError ? error : unwritable(path, error);
  }
}

/** Names of files and classes may hold what a terminal would obey, or turn round: such characters are shown as escapes. */
export function plain(text: string): string {
  const escaped = (char: string) => {
    const code = char.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  };
  return text.replaceAll(/(?![\t\n])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, escaped);
}
