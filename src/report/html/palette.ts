/** The colours of a report as CSS variables: the contrast to the page is at least 3 for every mark, and 4.5 for text. */

/** The values of variables by their names without the two dashes. */
export type Theme = Readonly<Record<string, string>>;

export const LIGHT: Theme = {
  page: "#ffffff",
  panel: "#f5f6f8",
  text: "#16191d",
  muted: "#545c66",
  line: "#d5d9de",
  link: "#1557b0",
  c0: "#1f5fbf",
  c1: "#b4510a",
  c2: "#1a7f4b",
  c3: "#c02f3c",
  c4: "#7a4fc0",
  c5: "#7a4a2b",
  c6: "#c2388f",
  c7: "#5f6b76",
  c8: "#7d7a00",
  c9: "#0f7f90",
};

export const DARK: Theme = {
  page: "#14171a",
  panel: "#1e2328",
  text: "#eceff2",
  muted: "#aab3bd",
  line: "#3a424a",
  link: "#8fbcff",
  c0: "#7fb2ff",
  c1: "#ffab5e",
  c2: "#62d29b",
  c3: "#ff8f93",
  c4: "#c3a3ff",
  c5: "#d6a47f",
  c6: "#ff9bd8",
  c7: "#b3bdc7",
  c8: "#d6cf4e",
  c9: "#5fd6e6",
};

/** The number of series that differ in colour; further ones begin again. */
export const COLOURS = 10;

/** The colour of a series by its number; it follows the theme of the page. */
export function colour(number: number): string {
  return `var(--c${number % COLOURS})`;
}

/** The variables of a theme as CSS declarations. */
export function declarations(theme: Theme): string {
  return Object.entries(theme).map(([name, value]) => `--${name}:${value};`).join("");
}

/** Writes the colours of a theme in place of the variables. */
export function withColours(text: string, theme: Theme): string {
  return text.replace(/var\(--([a-z0-9]+)\)/g, (all, name) => theme[name] ?? all);
}
