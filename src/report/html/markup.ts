/** Writes HTML by templates that escape what is put into them. */

/** HTML that needs no more escaping. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Part = string | number | Markup | undefined | false | readonly Part[];

/** A template of HTML: text is escaped, markup and lists of it stand as they are, absent values leave nothing. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(strings.reduce((text, string, i) => text + textOf(parts[i - 1]) + string));
}

function textOf(part: Part): string {
  if (part === undefined || part === false) return "";
  if (part instanceof Markup) return part.text;
  return typeof part === "object" ? part.map(textOf).join("") : escapeHtml(String(part));
}

export function escapeHtml(text: string): string {
  const names: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}

/** The target of a link, which holds the data itself. */
export function dataUri(type: string, data: string | Uint8Array<ArrayBuffer>): string {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return `data:${type};base64,${bytes.toBase64()}`;
}
