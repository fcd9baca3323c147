/** Names that people type into tables: of classes, columns, splits and samples. Tells which of them are the same. */

/** Unicode's blanks, and characters without width that editors and spreadsheets leave at the ends of cells. */
const BLANKS = "[\\p{White_Space}\\u200B\\u200E\\u200F\\u2060\\uFEFF]+";
const AROUND = new RegExp(`^${BLANKS}|${BLANKS}$`, "gu");
const WITHIN = new RegExp(BLANKS, "gu");

/** A name without blanks around it and with its accents composed (NFC): what looks the same then is the same. */
export function cleanName(name: string): string {
  return name.replace(AROUND, "").normalize("NFC");
}

/** Sentences about names of classes that may be wrong: several that are likely meant as one, one that stands for no value. */
export function classWarnings(names: readonly string[]): string[] {
  const groups = [...Map.groupBy(names, likeness).values()].filter((group) => group.length > 1);
  const quoted = (some: readonly string[]) => some.map((name) => `"${name}"`).join(" and ");
  return [
    ...groups.map((group) =>
      `the classes ${quoted(group)} differ only in case, in blanks, or in how a number is written`
    ),
    ...names.filter(looksMissing).map((name) => `the class "${name}" may be a label that is missing`),
  ];
}

/** Names that are likely meant as one have the same. */
function likeness(name: string): string {
  const plain = name.normalize("NFKC").toLowerCase().replace(WITHIN, " ");
  return plain === "" || Number.isNaN(Number(plain)) ? plain : String(Number(plain));
}

/** Whether a name is one that programs write where a value is missing. */
function looksMissing(name: string): boolean {
  return /^(?:nan|none|null|nil|n\/a|#n\/a|undefined|<na>)$/i.test(name);
}
