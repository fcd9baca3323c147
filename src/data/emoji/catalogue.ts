/** Reads which emoji there are, with their groups, texts and splits, from the CLDR data of a package. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { UserError } from "../../base/user_error.ts";
import type { Split } from "../batch.ts";
import { readPackageJson, type Resolve } from "../package_file.ts";
import { stemsOf, textFromKeywords } from "./keywords.ts";

/** One emoji of CLDR, whatever the style it is drawn in. */
export interface Emoji {
  /** Lower-case hexadecimal code points without U+FE0F, e.g. `1f3c3-200d-2642`. */
  code: string;
  /** The CLDR short name; not part of the text. */
  name: string;
  /** Keywords that betray neither group nor subgroup, separated by spaces. */
  text: string;
  group: string;
  subgroup: string;
  split: Split;
  /** Whether a mirror image still shows the same thing: not for letters, arrows, flags and clocks. */
  flippable: boolean;
}

const emojiSchema = z.array(z.object({
  hexcode: z.string(),
  label: z.string(),
  tags: z.array(z.string()).optional(),
  group: z.number().optional(),
  subgroup: z.number().optional(),
  order: z.number().optional(),
}));
const namesSchema = z.object({
  groups: z.record(z.string(), z.string()),
  subgroups: z.record(z.string(), z.string()),
});

const EMOJI = "emojibase-data/en/data.json";
const NAMES = "emojibase-data/meta/groups.json";

/** All that is used of the files of the CLDR data, by file. */
export async function readCatalogueFiles(resolve?: Resolve) {
  return {
    [EMOJI]: parse(emojiSchema, EMOJI, await readPackageJson(EMOJI, resolve)),
    [NAMES]: parse(namesSchema, NAMES, await readPackageJson(NAMES, resolve)),
  };
}

/** Skin tones and hair styles, which are parts of emoji and no emoji. */
const COMPONENT = "component";

/**
 * Reads all emoji of the CLDR data in `emojibase-data`, in Unicode order, with texts and splits made fair: no word that
 * names a group or subgroup is left in a text, and variants of gender and direction share a split.
 */
export async function readCatalogue(resolve?: Resolve): Promise<Emoji[]> {
  const { [EMOJI]: records, [NAMES]: names } = await readCatalogueFiles(resolve);
  const forbidden = stemsOf([...Object.values(names.groups), ...Object.values(names.subgroups)]);
  const emoji: { order: number; emoji: Emoji }[] = [];
  for (const { hexcode, label, tags = [], group, subgroup, order } of records) {
    const groupName = names.groups[String(group)];
    const subgroupName = names.subgroups[String(subgroup)];
    // Letters of the regional indicators have no group.
    if (groupName === undefined || subgroupName === undefined || groupName === COMPONENT) continue;
    const code = plainCode(hexcode);
    emoji.push({
      order: order ?? Infinity,
      emoji: {
        code,
        name: label,
        text: textFromKeywords(tags, forbidden),
        group: groupName,
        subgroup: subgroupName,
        split: splitOfFamily(familyOf(code)),
        flippable: isFlippable(groupName, subgroupName, [label, ...tags]),
      },
    });
  }
  return emoji.sort((a, b) => a.order - b.order).map((entry) => entry.emoji);
}

/** A code point sequence in lower case without the variation selector U+FE0F: `2764-FE0F` becomes `2764`. */
export function plainCode(hexcode: string): string {
  return hexcode.toLowerCase().split("-").filter((point) => point !== "fe0f").join("-");
}

/** The family of an emoji, which its variants share: joined ♀, ♂ and → are dropped, man and woman become person. */
export function familyOf(code: string): string {
  return plainCode(code).replace(/-200d-(?:2640|2642|27a1)(?=-|$)/g, "").replace(/\b1f46[89]\b/g, "1f9d1");
}

/** The fixed split of a family: 70 % train, 15 % validation, 15 % test by the SHA-256 of its code points. */
export function splitOfFamily(family: string): Split {
  const fraction = createHash("sha256").update(family).digest().readUInt32BE() / 2 ** 32;
  return fraction < 0.7 ? "train" : fraction < 0.85 ? "validation" : "test";
}

function isFlippable(group: string, subgroup: string, words: readonly string[]): boolean {
  return group !== "symbols" && group !== "flags" && subgroup !== "time" &&
    !words.some((text) => /\b(?:left|right|letters?|abc)\b/i.test(text));
}

function parse<T>(schema: z.ZodType<T>, file: string, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError(`${file} is not laid out as expected at ${issue?.path.join(".")}: ${issue?.message}`);
}
