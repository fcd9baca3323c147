/**
 * Arrays of a lane's own that are indexed at run time. Registers have no addresses, so compilers put such arrays into memory,
 * one copy a lane, or unroll every loop around them, which naga's checks of indices and loops mostly keep them from. Arrays
 * of one element have but one index, and do not count.
 */
import { reachable } from "../../src/gpu/kernel.ts";

/**
 * Those that an entry point can reach, each as `function.variable`, or `variable` at module scope. `tint` leaves loops whose
 * number of turns is known as they are, and drivers unroll them: there, what such a loop counts is known as well.
 */
export function privateArrays(
  label: string,
  code: string,
  entry: string,
  compiler: "naga" | "tint" = "naga",
): string[] {
  const text = code.replace(/\/\/[^\n]*/g, "");
  const functions = reachable(label, text, entry);
  const constants = new Map(
    [...text.matchAll(/^const (\w+)\b[^=]*=\s*([^;]+);/gm)].map(([, name, value]) => [name!, value!]),
  );
  const aliases = new Map(
    [...text.matchAll(/^alias (\w+) = (array<[^;]+);/gm)].map(([, name, type]) => [name!, type!]),
  );
  const isArray = (type: string) => {
    const named = type.match(/^\s*(\w+)/)?.[1] ?? "";
    const length = (aliases.get(named) ?? type).match(/^\s*array<.*,\s*([^,>]+)>/)?.[1];
    return (named === "array" || aliases.has(named)) &&
      (length === undefined || valueOf(length, constants) !== 1);
  };
  const known = compiler === "tint"
    ? namesKnownIn(functions, new Set(constants.keys()))
    : new Map(functions.map((body) => [body, new Set(constants.keys())]));
  const ofFunctions = functions.flatMap((body) =>
    [
      ...arraysIn(body, /\bvar (\w+)\b\s*(?::\s*([^=;]+))?(?:=\s*([^;]+))?;/g, isArray),
      ...arraysIn(body, /\b(\w+):\s*ptr<function,\s*([^;{]+?)>(?=\s*[,)])/g, isArray),
    ]
      .filter((variable) => isIndexedAtRunTime(body, variable, known.get(body)!))
      .map((variable) => `${nameOf(body)}.${variable}`)
  );
  const ofModule = arraysIn(text, /^var<private> (\w+)\s*(?::\s*([^=;]+))?(?:=\s*([^;]+))?;/gm, isArray)
    .filter((variable) => functions.some((body) => isIndexedAtRunTime(body, variable, known.get(body)!)));
  return [...ofFunctions, ...ofModule];
}

const nameOf = (body: string) => body.match(/^fn (\w+)/)![1]!;

/** The names of variables whose type, or first value where none is given, is an array. */
function arraysIn(text: string, declaration: RegExp, isArray: (type: string) => boolean): string[] {
  return [...text.matchAll(declaration)]
    .filter(([, , type, value]) => isArray(type ?? value ?? ""))
    .map(([, name]) => name!);
}

/** The names in an expression, those of functions that are known where their arguments are left out. */
const namesIn = (expression: string) => expression.match(/\b(?!(?:min|max|u32|i32)\()[a-zA-Z_]\w*/g) ?? [];

/** True where an index, of the array or within its elements, has any name in it that is not known. */
function isIndexedAtRunTime(text: string, variable: string, known: ReadonlySet<string>): boolean {
  const indexed = new RegExp(`(?<![.\\w])(?:${variable}|\\(\\*${variable}\\))(?=\\[)`, "g");
  return [...text.matchAll(indexed)].some(({ index, 0: { length } }) =>
    namesIn(indicesFrom(text, index + length)).some((name) => !known.has(name))
  );
}

/**
 * By functions, what is known once loops are unrolled and calls are inlined: constants, counters of loops from something known
 * to something known, and parameters that every call gives something known.
 */
function namesKnownIn(
  functions: readonly string[],
  constants: ReadonlySet<string>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map(functions.map((body) => [body, new Set(constants)]));
  const isKnown = (body: string, expression: string, counter?: string) =>
    namesIn(expression).every((name) => name === counter || known.get(body)!.has(name));
  const sizeOf = () => [...known.values()].reduce((sum, names) => sum + names.size, 0);
  for (let before = -1; before < sizeOf();) {
    before = sizeOf();
    for (const body of functions) {
      for (const [, name, from, rest] of body.matchAll(/\bfor \(var (\w+) = ([^;]+);([^{]+)\) \{/g)) {
        if (isKnown(body, from!) && isKnown(body, rest!, name)) known.get(body)!.add(name!);
      }
      const parameters = argumentsFrom(body, body.indexOf("(")).map((text) => text.split(":")[0]!.trim());
      const calls = functions.flatMap((caller) =>
        [...caller.matchAll(new RegExp(`(?<!\\bfn )\\b${nameOf(body)}(?=\\()`, "g"))]
          .map(({ index, 0: { length } }) => ({ caller, given: argumentsFrom(caller, index + length) }))
      );
      parameters.forEach((name, i) => {
        if (calls.length > 0 && calls.every(({ caller, given }) => isKnown(caller, given[i]!))) {
          known.get(body)!.add(name);
        }
      });
    }
  }
  return known;
}

/** What stands between the commas of a pair of parentheses that opens at a position. */
function argumentsFrom(text: string, from: number): string[] {
  const found = [""];
  for (let at = from + 1, open = 0; at < text.length; at++) {
    const letter = text[at]!;
    // Of a type, not less or greater: nothing parts those from what they hold.
    const ofType = /[<>]/.test(letter) && /\S\S/.test(text.slice(at - 1, at + 1)) && text[at + 1] !== "=";
    if (/[([{]/.test(letter) || letter === "<" && ofType) open++;
    if (/[)\]}]/.test(letter) || letter === ">" && ofType) open--;
    if (open < 0) break;
    if (letter === "," && open === 0) found.push("");
    else found[found.length - 1] += letter;
  }
  return found;
}

/** The brackets, one after the other, that open at a position, with what stands in them. */
function indicesFrom(text: string, from: number): string {
  let end = from;
  for (let open = 0; (open > 0 || text[end] === "[") && end < text.length; end++) {
    open += Number(text[end] === "[") - Number(text[end] === "]");
  }
  return text.slice(from, end);
}

/** The value of a sum of products of whole numbers, constants of the module among them; undefined where it is anything else. */
export function valueOf(expression: string, constants: ReadonlyMap<string, string>): number | undefined {
  const flat = (terms: string) => {
    const products = terms.replace(/\s/g, "").replace(/-/g, "+-").split("+").map((product) =>
      product.match(/[*\/]|[^*\/]+/g)?.reduce((value, factor, i, all) => {
        if (i % 2 === 1) return value;
        const number = /^-?\d+u?$/.test(factor) ? parseInt(factor) : NaN;
        return i === 0 ? number : all[i - 1] === "*" ? value * number : Math.trunc(value / number);
      }, 0) ?? NaN
    );
    return products.reduce((sum, product) => sum + product);
  };
  let text = expression;
  for (let depth = 0; depth < 10 && /[a-zA-Z_]\w*/.test(text.replace(/\d+u/g, "")); depth++) {
    text = text.replace(/\b[a-zA-Z_]\w*/g, (name) => `(${constants.get(name) ?? "?"})`);
  }
  while (/\([^()]*\)/.test(text)) text = text.replace(/\(([^()]*)\)/g, (_, inner) => String(flat(inner)));
  const value = flat(text);
  return Number.isNaN(value) ? undefined : value;
}
