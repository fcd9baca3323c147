/** Tokens of TypeScript whose types are blanked out, and of WGSL: just enough to change one of them. */
import { stripTypeScriptTypes } from "node:module";

export interface Token {
  readonly kind: "word" | "number" | "string" | "sign";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export type Language = "ts" | "wgsl";

const SPACE = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;
const WORD = /[#\p{L}_$][\p{L}\d_$]*/uy;
const NUMBER = /0[xX][\da-fA-F_]+\w?|(?:\d[\d_]*\.?[\d_]*|\.\d+)(?:[eE][+-]?\d+)?[a-z]?/y;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const TEXT_OF_TEMPLATE = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y;
const SIGN =
  />>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|->|==|!=|<=|>=|&&|\|\||\?\?|\?\.|\+\+|--|\*\*|<<|>>|[-+*/%&|^]=|[^\s\w]/y;

/** After these words an operand follows, so that a slash begins a regular expression. */
const BEFORE_OPERAND = new Set(["return", "typeof", "case", "in", "of", "throw", "await", "yield", "else"]);

/** True where a token may end an operand. */
export function endsOperand(token: Token | undefined): boolean {
  if (token === undefined) return false;
  return token.kind === "sign" ? /^[)\]}`]$/.test(token.text) : !BEFORE_OPERAND.has(token.text);
}

/**
 * The source with everything that only types mean replaced by spaces: whatever stands in the same place in both is code.
 * Throws where TypeScript is used that is more than types, such as enums.
 */
export function withoutTypes(source: string): string {
  // Not for stripping, but nothing is meant by them: modifiers of constructors' parameters.
  const modifier = /\b(?:public|private|protected|readonly)(?=\s+(?:readonly\s+)?\w+\s*[?:=])/g;
  const plain = source.replace(modifier, (word) => " ".repeat(word.length));
  const code = stripTypeScriptTypes(plain);
  if (code.length !== source.length) throw new Error("stripping types moved the code");
  return code;
}

/** The tokens of code without types; those within templates are among them, comments and regular expressions are not. */
export function tokensOf(code: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(code)?.[0] ?? "";
  };
  const add = (kind: Token["kind"], text: string) => {
    tokens.push({ kind, text, start: at, end: at + text.length });
    at += text.length;
  };
  /** How many braces are open in each template that is; the last is the innermost. */
  const templates: number[] = [];
  /** To the end of a template, or to what is put into it. */
  const skipText = () => {
    at += match(TEXT_OF_TEMPLATE).length;
    if (code[at] === "$") templates.push(0);
    add("sign", code[at] === "$" ? "${" : "`");
  };

  while (at < code.length) {
    at += match(SPACE).length;
    if (at >= code.length) break;
    const char = code[at]!;
    const inside = templates.at(-1);
    if (char === "`") {
      add("sign", "`");
      skipText();
    } else if (char === "}" && inside === 0) {
      templates.pop();
      add("sign", "}");
      skipText();
    } else if (char === '"' || char === "'") add("string", match(STRING));
    else if (match(WORD)) add("word", match(WORD));
    else if (match(NUMBER)) add("number", match(NUMBER));
    else if (char === "/" && !endsOperand(tokens.at(-1)) && match(REGEX)) at += match(REGEX).length;
    else {
      if (inside !== undefined && /[{}]/.test(char)) {
        templates[templates.length - 1]! += char === "{" ? 1 : -1;
      }
      add("sign", match(SIGN));
    }
  }
  return tokens;
}
