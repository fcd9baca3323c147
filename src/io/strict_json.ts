/** Parses JSON of files that are not to be trusted. */

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

export interface JsonLimits {
  /** How deep objects and lists may nest. */
  readonly depth: number;
  /** How many keys one object may have. */
  readonly keys: number;
}

/**
 * `JSON.parse` for files that are not to be trusted: throws a SyntaxError that completes "the header ..." for invalid
 * JSON, for a key that stands twice in an object (`JSON.parse` keeps the last in silence, so two readers could see
 * two different files), and, before anything is built in memory, for text beyond the limits.
 */
export function parseStrictJson(text: string, limits: JsonLimits): unknown {
  checkKeys(text, limits);
  return parse(text);
}

/** Walks the brackets and keys of `text`, valid or not; whatever else is wrong is left to `JSON.parse`. */
function checkKeys(text: string, limits: JsonLimits): void {
  const open: Set<string>[] = []; // of each bracket around the current place, the keys seen so far
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "{" || char === "[") {
      if (open.length === limits.depth) throw new SyntaxError(`nests deeper than ${limits.depth} levels`);
      open.push(new Set());
    } else if (char === "}" || char === "]") {
      open.pop();
    } else if (char === '"') {
      const end = endOfString(text, i);
      if (isFollowedByColon(text, end)) addKey(open.at(-1), keyOf(text.slice(i, end)), limits);
      i = end - 1;
    }
  }
}

/** What a key between quotes says. A vocabulary has tens of thousands of them, most without an escape. */
function keyOf(quoted: string): string {
  return quoted.includes("\\") ? parse(quoted) as string : quoted.slice(1, -1);
}

function addKey(keys: Set<string> | undefined, key: string, limits: JsonLimits): void {
  if (keys === undefined) return;
  if (keys.has(key)) throw new SyntaxError(`has the duplicate name ${shortQuote(key)}`);
  if (keys.size === limits.keys) throw new SyntaxError(`has an object of more than ${limits.keys} names`);
  keys.add(key);
}

/** What is wrong with a text, and where the parser says so, by the error of `parseStrictJson`. */
export function whyNotJson({ message, cause }: SyntaxError): string {
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError("is not valid JSON", { cause });
  }
}

/** The index after the closing quote of the string that opens at `start`; the text's end if none closes it. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return Math.min(i + 1, text.length);
}

function isFollowedByColon(text: string, index: number): boolean {
  while (index < text.length && " \t\n\r".includes(text.charAt(index))) index++;
  return text.charCodeAt(index) === COLON;
}

/** A name from a file, shortened and with control characters escaped, fit for one line of a terminal. */
export function shortQuote(name: string): string {
  return JSON.stringify(shortened(name));
}

/** The beginning of a long name. */
export function shortened(name: string): string {
  return name.length > 120 ? name.slice(0, 117) + "..." : name;
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
