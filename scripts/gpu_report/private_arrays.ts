/**
 * Arrays of a lane's own that are indexed at run time. Registers have no addresses, so compilers put such arrays into memory,
 * one copy a lane, or unroll every loop around them, which WGSL's checks of indices and loops mostly keep them from. Arrays
 * of one element have but one index, and do not count.
 */
import { reachable } from "../../src/gpu/kernel.ts";

/** Those that an entry point can reach, each as `function.variable`, or `variable` at module scope. */
export function privateArrays(label: string, code: string, entry: string): string[] {
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
  const ofFunctions = functions.flatMap((body) =>
    arraysIn(body, /\bvar (\w+)\b\s*(?::\s*([^=;]+))?(?:=\s*([^;]+))?;/g, isArray)
      .filter((variable) => isIndexedAtRunTime(body, variable, constants))
      .map((variable) => `${body.match(/^fn (\w+)/)![1]}.${variable}`)
  );
  const ofModule = arraysIn(text, /^var<private> (\w+)\s*(?::\s*([^=;]+))?(?:=\s*([^;]+))?;/gm, isArray)
    .filter((variable) => functions.some((body) => isIndexedAtRunTime(body, variable, constants)));
  return [...ofFunctions, ...ofModule];
}

/** The names of variables whose type, or first value where none is given, is an array. */
function arraysIn(text: string, declaration: RegExp, isArray: (type: string) => boolean): string[] {
  return [...text.matchAll(declaration)]
    .filter(([, , type, value]) => isArray(type ?? value ?? ""))
    .map(([, name]) => name!);
}

/** True where an index, of the array or within its elements, has any name in it that is not a constant of the module. */
function isIndexedAtRunTime(text: string, variable: string, constants: ReadonlyMap<string, string>): boolean {
  return [...text.matchAll(new RegExp(`(?<![.\\w])${variable}(?=\\[)`, "g"))].some((match) => {
    const names = indicesFrom(text, match.index + variable.length).match(/\b[a-zA-Z_]\w*/g) ?? [];
    return names.some((name) => !constants.has(name));
  });
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
