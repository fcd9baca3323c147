/** Single-token changes of a source: where they may be made, and which. */
import { endsOperand, type Language, type Token, tokensOf, withoutTypes } from "./tokens.ts";

export interface Mutation {
  readonly start: number;
  readonly end: number;
  /** What stands from `start` to `end`, and what is to stand there. */
  readonly before: string;
  readonly after: string;
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
}

/** Each row is a word or sign and what may take its place. */
const table = (...rows: readonly string[]): ReadonlyMap<string, readonly string[]> =>
  new Map(rows.map((row) => row.split(" ")).map(([from, ...to]) => [from!, to]));

const ARITHMETIC = ["+ -", "- +", "* /", "/ *", "% *", "** *", "+= -=", "-= +=", "*= /=", "/= *="];
const COMPARISONS = ["< <= >=", "<= < >", "> >= <=", ">= > <", "== !=", "!= ==", "=== !==", "!== ==="];
const LOGIC = ["&& ||", "|| &&", "?? &&", "& |", "| &", "^ &", "<< >>", ">> <<", ">>> <<"];
const OPERATORS = table(...ARITHMETIC, ...COMPARISONS, ...LOGIC);
const STEPS = table("++ --", "-- ++");
const LITERALS = table("true false", "false true");
/** Of `Math` in TypeScript, and of WGSL itself. */
const FUNCTIONS = table("max min", "min max", "ceil floor", "floor ceil", "round floor", "trunc ceil");

/** Words that no statement begins with that can be dropped alone. */
const KEYWORDS = new Set(
  ("alias async case catch class const default do else enable export finally fn for function if import let override " +
    "return static struct switch try var while").split(" "),
);

/** Strings are mostly parts of messages, which tests need not know by heart; most swapped arguments do not compile. */
const WEIGHT = { string: 0.1, swappedArguments: 0.25 };

/** Every change of `source`, in the order of their places. */
export function mutationsOf(source: string, language: Language): Mutation[] {
  const tokens = tokensOf(language === "ts" ? withoutTypes(source) : source);
  const { partner, enclosing } = bracketsOf(tokens);
  const found: Mutation[] = [];
  const change = (start: number, end: number, choices: readonly string[] = [], weight = 1) => {
    for (const after of choices) {
      found.push({ start, end, before: source.slice(start, end), after, weight: weight / choices.length });
    }
  };
  /** Where an operand of these tokens ends: what only types mean may follow its last. */
  const endOf = (last: number) => source.slice(0, tokens[last + 1]?.start).trimEnd().length;
  const textOf = (first: number, last: number) => source.slice(tokens[first]!.start, endOf(last));
  /** The first token from `from` on that is one of `ends` and in no bracket opened since; or the one that closes. */
  const find = (from: number, ends: string): number => {
    let at = from;
    while (at < tokens.length && !ends.includes(tokens[at]!.text) && !/^[)\]}]$/.test(tokens[at]!.text)) {
      at = (partner.get(at) ?? at) + 1;
    }
    return at;
  };

  const swapBranches = (question: number) => {
    let colon = find(question + 1, "?:");
    for (let nested = 0; tokens[colon]!.text !== ":" || nested-- > 0; colon = find(colon + 1, "?:")) {
      if (tokens[colon]!.text === "?") nested++;
    }
    const last = find(colon + 1, ",;") - 1;
    const [yes, no] = [textOf(question + 1, colon - 1), textOf(colon + 1, last)]
      .map((branch) => branch.includes(" ? ") ? `(${branch})` : branch);
    if (yes !== no) change(tokens[question + 1]!.start, endOf(last), [`${no} : ${yes}`]);
  };

  const swapArguments = (open: number) => {
    const [callee, before] = [tokens[open - 1], tokens[open - 2]];
    if (
      callee?.kind !== "word" || KEYWORDS.has(callee.text) ||
      /^(function|fn|get|set)$/.test(before?.text ?? "")
    ) return;
    const after = tokens[partner.get(open)! + 1]?.text ?? "";
    if (/^(\{|=>)$/.test(after)) return; // these are parameters
    const comma = find(open + 1, ",");
    const last = find(comma + 1, ",") - 1;
    if (tokens[comma]!.text !== "," || last === comma) return;
    const [first, second] = [textOf(open + 1, comma - 1), textOf(comma + 1, last)];
    if (first === second) return;
    change(tokens[open + 1]!.start, endOf(last), [`${second}, ${first}`], WEIGHT.swappedArguments);
  };

  const dropStatement = (first: number) => {
    const isJump = /^(throw|continue|break)$/.test(tokens[first]!.text);
    const isFirst = isJump || /^[;{}]?$/.test(tokens[first - 1]?.text ?? "");
    if (!isFirst || KEYWORDS.has(tokens[first]!.text)) return;
    if (tokens[first]!.text.startsWith("#")) return; // declares a field
    if (enclosing[first] !== "{" && enclosing[first] !== undefined) return; // the head of a loop
    const last = find(first, ";");
    if (tokens[last]?.text === ";") change(tokens[first]!.start, tokens[last]!.end, [";"]);
  };

  for (let i = 0; i < tokens.length; i++) {
    const { kind, text, start, end } = tokens[i]!;
    const [previous, next] = [tokens[i - 1], tokens[i + 1]];
    if (kind === "word" && /^(import|alias|struct)$/.test(text) && !/^[.(]$/.test(next!.text)) {
      i = find(i, text === "struct" ? "{" : ";");
      i = partner.get(i) ?? i;
    } else if (kind === "number") {
      if (tokens[i - 3]?.text !== "@") change(start, end, neighbours(text));
    } else if (kind === "string") {
      if (/^.[\w-]+.$/.test(text) && next?.text !== ":") change(start, end, ['""'], WEIGHT.string);
    } else if (kind === "word") {
      const isFunction = language === "ts"
        ? tokens[i - 2]?.text === "Math" && previous?.text === "."
        : next?.text === "(";
      if (isFunction) change(start, end, FUNCTIONS.get(text));
      if (previous?.text !== ".") change(start, end, LITERALS.get(text));
      dropStatement(i);
    } else {
      // The formatter puts spaces around operators of two operands, and around nothing else that looks like them.
      const isBinary = endsOperand(previous) && source[start - 1]! <= " " && source[end]! <= " ";
      if (isBinary) change(start, end, OPERATORS.get(text));
      change(start, end, STEPS.get(text));
      if (text === "!" && !endsOperand(previous)) change(start, end, [""]);
      if (text === "?") swapBranches(i);
      if (text === "(") swapArguments(i);
    }
  }
  return found;
}

/** For each opening bracket the one that closes it, and for each token the bracket it stands in; so for templates. */
function bracketsOf(tokens: readonly Token[]) {
  const partner = new Map<number, number>(), open: number[] = [];
  const enclosing = tokens.map(({ kind, text }, i) => {
    const innermost = tokens[open.at(-1) ?? -1]?.text;
    const closes = kind === "sign" && (/^[)\]}]$/.test(text) || text === "`" && innermost === "`");
    const opens = kind === "sign" && !closes && /^(\(|\[|\$?\{|`)$/.test(text);
    if (closes) partner.set(open.pop()!, i);
    if (opens) open.push(i);
    return innermost;
  });
  return { partner, enclosing };
}

/** One more and one less, in the notation of the number: `4u` is next to `5u` and `3u`. Nothing goes below 0. */
function neighbours(text: string): string[] {
  const [, digits, suffix] = text.match(/^(0x[\da-f_]+|[\d._]+(?:e[+-]?\d+)?)([a-z]?)$/i)!;
  const value = Number(digits!.replaceAll("_", ""));
  const show = (changed: number) => {
    const plain = String(changed);
    return (digits!.includes(".") && /^\d+$/.test(plain) ? `${plain}.0` : plain) + suffix;
  };
  const changed = value >= 1 ? [value + 1, value - 1] : [value + 1];
  return changed.filter((number) => number !== value).map(show);
}
