/** Looks at the regular expressions of a `tokenizer.json`: some take longer for a text than anybody can wait. */

/**
 * The first regular expression in a `tokenizer.json` that may try a text in more ways than can be counted: one that repeats a
 * group in which something is repeated or may be one thing or another, as in `(a+)+` and `(a|aa)*`, or that refers back to a
 * group. Those of published models do neither.
 */
export function slowPattern(json: unknown): string | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  for (const [key, value] of Object.entries(json)) {
    const found = key === "Regex" && typeof value === "string" && isSlow(value) ? value : slowPattern(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The signs that count: escaped characters, the brackets of classes and groups, what repeats, and "or". */
const SIGNS = /\\[^]|\[\^?\]?|\]|\((?:\?<?[:=!a-z]?)?|\)|[*+?|]|\{\d+(?:,\d*)?\}/g;

function isSlow(source: string): boolean {
  const groups = [{ varies: false }]; // those that are open, the pattern itself first
  let classes = 0, closed = { end: -1, varies: false };
  for (const { 0: sign, index } of source.matchAll(SIGNS)) {
    if (/^\\[1-9k]/.test(sign) && classes === 0) return true;
    if (sign.startsWith("[")) classes++;
    else if (sign === "]") classes = Math.max(0, classes - 1);
    else if (classes > 0 || sign.startsWith("\\")) continue;
    else if (sign.startsWith("(")) groups.push({ varies: false });
    else if (sign === ")") {
      const { varies } = groups.length > 1 ? groups.pop()! : groups[0]!;
      if (varies) groups.at(-1)!.varies = true;
      closed = { end: index + 1, varies };
    } else {
      const isRepeated = sign !== "?" && sign !== "|";
      if (isRepeated && closed.varies && closed.end === index) return true;
      if (!/^\{\d+\}$/.test(sign)) groups.at(-1)!.varies = true;
    }
  }
  return classes > 0; // where it is not clear what is within a class, nothing is
}
