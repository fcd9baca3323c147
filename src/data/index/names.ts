/** Names that people type into tables: of classes, columns, splits and samples. Tells which of them are the same. */
import { listed } from "../../base/listing.ts";

/** Unicode's blanks, and characters without width that editors and spreadsheets leave at the ends of cells. */
const BLANKS = "[\\p{White_Space}\\u200B\\u200E\\u200F\\u2060\\uFEFF]+";
const AROUND = new RegExp(`^${BLANKS}|${BLANKS}$`, "gu");
const WITHIN = new RegExp(BLANKS, "gu");

/** A name without blanks around it and with its accents composed (NFC): what looks the same then is the same. */
export function cleanName(name: string): string {
  return name.replace(AROUND, "").normalize("NFC");
}

/** A class and how many samples it has. */
export interface CountedClass {
  readonly name: string;
  readonly samples: number;
}

/** Classes that a warning names. */
const MOST_NAMED = 5;

/**
 * Sentences about classes that may be wrong: several that are likely meant as one, one that stands for no value, and
 * those of a single sample.
 */
export function classWarnings(classes: readonly CountedClass[]): string[] {
  const alike = [...Map.groupBy(classes, ({ name }) => likeness(name)).values()].filter((group) =>
    group.length > 1
  );
  const counted = ({ name, samples }: CountedClass) =>
    `"${name}" (${samples} ${samples === 1 ? "sample" : "samples"})`;
  const single = classes.filter(({ samples }) => samples === 1).map(({ name }) => `"${name}"`);
  return [
    ...alike.map((group) =>
      `the classes ${
        group.map(counted).join(" and ")
      } differ only in case, in blanks, or in how a number is written`
    ),
    ...classes.filter(({ name }) => looksMissing(name)).map((one) =>
      `the class ${counted(one)} may be a label that is missing`
    ),
    ...(single.length === 0 ? [] : [
      `${single.length} of ${classes.length} classes ${
        single.length === 1 ? "has" : "have"
      } one sample alone: ${listed(single, MOST_NAMED)}`,
    ]),
  ];
}

/** Names of classes in the order they are numbered in: whole numbers by their value, else by their letters. */
export function sortedClasses(names: Iterable<string>): string[] {
  const sorted = [...new Set(names)].sort();
  const areWhole = sorted.every((name) => /^[+-]?\d+$/.test(name));
  return areWhole ? sorted.sort((a, b) => Number(a) - Number(b)) : sorted;
}

/** Names that are likely meant as one have the same. */
function likeness(name: string): string {
  const plain = name.normalize("NFKC").toLowerCase().replace(WITHIN, " ");
  return plain === "" || Number.isNaN(Number(plain)) ? plain : String(Number(plain));
}

/** Whether a name is one that programs write where a value is missing. */
export function looksMissing(name: string): boolean {
  return /^(?:nan|na|none|null|nil|n\/a|#n\/a|undefined|<na>)$/i.test(name);
}
