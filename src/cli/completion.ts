/** Scripts by which shells complete command lines of `unis`, made from the commands themselves. */
import type { Argument, Command, Option } from "commander";

/** What may follow a flag, or stand as an argument: one of some words, a file, a folder, or what only the user knows. */
type Value = { readonly words: readonly string[] } | "files" | "folders" | "unknown";

interface Word {
  readonly word: string;
  readonly description: string;
}

/** What can be typed at one place. */
interface Place {
  /** The commands so far, such as `data verify`; empty after `unis` itself. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly flags: readonly Word[];
  /** Of flags that take one. */
  readonly values: ReadonlyMap<string, Value>;
  readonly argument: Value;
}

type Shell = (places: readonly Place[]) => string;
export const SHELLS: Readonly<Record<string, Shell>> = { bash, zsh, fish };

/** The script for one of `SHELLS`. */
export function completionScript(program: Command, shell: string): string {
  return SHELLS[shell]!(placesOf(program, ""));
}

function placesOf(command: Command, path: string): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const options = help.visibleOptions(command);
  const [argument] = command.registeredArguments;
  const here: Place = {
    path,
    commands: commands.map((child) => ({ word: child.name(), description: child.description() })),
    flags: options.flatMap(({ long, description }) => long ? [{ word: long, description }] : []),
    values: new Map(
      options.filter(({ required }) => required).map((option) => [option.long!, valueOf(option)]),
    ),
    argument: argument === undefined ? { words: [] } : valueOf(argument),
  };
  const inner = commands.flatMap((child) =>
    placesOf(child, path === "" ? child.name() : `${path} ${child.name()}`)
  );
  return [here, ...inner];
}

/** Flags and arguments say by the name of their value what it is: `--out <folder>`. */
function valueOf(value: Option | Argument): Value {
  if (value.argChoices !== undefined) return { words: value.argChoices };
  const name = "flags" in value ? /[<[](.*)[>\]]/.exec(value.flags)?.[1] ?? "" : value.name();
  if (/^(file|input|name:path|name\[:path)/.test(name)) return "files";
  return /^(folder|run|model)\b/.test(name) ? "folders" : "unknown";
}

/** Each distinct value of flags, with all places at which it may follow, as `case` patterns. */
function valueCases(places: readonly Place[]): { value: Value; patterns: string[] }[] {
  const cases = new Map<string, { value: Value; patterns: string[] }>();
  for (const { path, values } of places) {
    for (const [flag, value] of values) {
      const key = JSON.stringify(value);
      const known = cases.get(key) ?? { value, patterns: [] };
      known.patterns.push(`${path} ${flag}`);
      cases.set(key, known);
    }
  }
  return [...cases.values()];
}

/** The paths of all places but the first, as patterns of a path and the word that leads on from it. */
function steps(places: readonly Place[]): string[] {
  return places.slice(1).map(({ path }) => path.includes(" ") ? path : ` ${path}`);
}

const quoted = (texts: readonly string[]) => texts.map((text) => `"${text}"`).join("|");

function bash(places: readonly Place[]): string {
  // Names of files may hold blanks.
  const paths = (kind: string) =>
    `{ local IFS=$'\\n'; COMPREPLY=($(compgen ${kind} -- "$cur")); compopt -o filenames 2>/dev/null; }`;
  const offer = (value: Value) =>
    typeof value === "object" ? `COMPREPLY=($(compgen -W "${value.words.join(" ")}" -- "$cur"))` : {
      files: paths("-f"),
      folders: paths("-d"),
      unknown: ":",
    }[value];
  const flags = valueCases(places).map(({ value, patterns }) =>
    `    ${quoted(patterns)}) ${offer(value)}; return ;;`
  );
  const rows = places.map(({ path, commands, flags, argument }) =>
    [
      `    "${path}")`,
      `      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "${words(flags)}" -- "$cur"))`,
      commands.length > 0
        ? `      else COMPREPLY=($(compgen -W "${words(commands)}" -- "$cur")); fi ;;`
        : `      else ${offer(argument)}; fi ;;`,
    ].join("\n")
  );
  return `# unis: completion for bash. To have it: unis completion bash > ~/.local/share/bash-completion/completions/unis
_unis() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} at="" i
  COMPREPLY=()
  # "=" is a word of its own here: --flag=value
  if [[ $cur == "=" ]]; then cur=""; elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${quoted(steps(places))}) at="\${at:+$at }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $prev" in
${flags.join("\n")}
  esac
  case "$at" in
${rows.join("\n")}
  esac
}
complete -F _unis unis
`;
}

function zsh(places: readonly Place[]): string {
  const offer = (value: Value) =>
    typeof value === "object"
      ? `compadd -- ${value.words.join(" ")}`
      : { files: "_files", folders: "_files -/", unknown: "_message value" }[value];
  const list = (entries: readonly Word[]) =>
    entries.map(({ word, description }) => single(`${word.replaceAll(":", "\\:")}:${description}`)).join(" ");
  const flags = valueCases(places).map(({ value, patterns }) =>
    `    (${quoted(patterns)}) ${offer(value)}; return ;;`
  );
  const rows = places.map(({ path, commands, flags, argument }) =>
    [
      `    ("${path}")`,
      `      if [[ $words[CURRENT] == -* ]]; then entries=(${list(flags)}); _describe -o flag entries`,
      commands.length > 0
        ? `      else entries=(${list(commands)}); _describe command entries; fi ;;`
        : `      else ${offer(argument)}; fi ;;`,
    ].join("\n")
  );
  return `#compdef unis
# unis: completion for zsh. To have it: unis completion zsh > _unis, in a folder of $fpath
_unis() {
  local at="" i
  local -a entries
  for ((i = 2; i < CURRENT; i++)); do
    case "$at $words[i]" in
      (${quoted(steps(places))}) at="\${at:+$at }$words[i]" ;;
    esac
  done
  case "$at $words[CURRENT-1]" in
${flags.join("\n")}
  esac
  case "$at" in
${rows.join("\n")}
  esac
}
if [[ $funcstack[1] == _unis ]]; then _unis "$@"; else compdef _unis unis; fi
`;
}

function fish(places: readonly Place[]): string {
  const offer = (value: Value) =>
    typeof value === "object"
      ? `-x -a ${single(value.words.join(" "))}`
      : { files: "-r -F", folders: "-x -a '(__fish_complete_directories)'", unknown: "-x" }[value];
  const rows = places.flatMap(({ path, commands, flags, values, argument }) => {
    const begin = `complete -c unis -n "__unis_at ${single(path)}"`;
    return [
      ...commands.map(({ word, description }) => `${begin} -f -a ${word} -d ${single(description)}`),
      ...flags.map(({ word, description }) => {
        const value = values.get(word);
        return `${begin} -l ${word.slice(2)}${value ? ` ${offer(value)}` : ""} -d ${single(description)}`;
      }),
      ...(commands.length === 0 && argument === "files" ? [`${begin} -F`] : []),
      ...(argument !== "files" && argument !== "unknown"
        ? [`${begin} ${offer(argument).replace("-x", "-f")}`]
        : []),
    ];
  });
  return `# unis: completion for fish. To have it: unis completion fish > ~/.config/fish/completions/unis.fish
function __unis_at
    set -l at
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
            case ${steps(places).map(single).join(" ")}
                set at (string trim -- "$at $word")
        end
    end
    test "$at" = "$argv[1]"
end
complete -c unis -f
${rows.join("\n")}
`;
}

const words = (entries: readonly Word[]) => entries.map(({ word }) => word).join(" ");

/** In single quotes, as zsh and fish read them; these have other ways to write one within, so it becomes a typographic one. */
const single = (text: string) => `'${text.replaceAll("'", "’")}'`;
