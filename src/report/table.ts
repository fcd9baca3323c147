/** Lays out tables for the console. */
import { plain } from "./output.ts";

/**
 * The lines of a table: the first row is the header; the first column is left-aligned, all others right-aligned, each as
 * wide as its longest cell as it is shown, on one line.
 */
export function formatTable(cells: readonly (readonly string[])[]): string[] {
  const rows = cells.map((row) => row.map((cell) => plain(cell.replaceAll(/[\t\n]+/g, " "))));
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    widths.map((width, column) => {
      const cell = row[column] ?? "";
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ").trimEnd();
  const [header, ...rest] = rows;
  if (header === undefined) return [];
  return [line(header), widths.map((width) => "-".repeat(width)).join("  "), ...rest.map(line)];
}
