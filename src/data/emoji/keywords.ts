/** Makes the texts of emoji from their keywords, without the words that give their class away. */
import { stemmer } from "stemmer";

const REGION = /^[A-Z]{2}$/;
const WORD = /[\p{L}\p{N}]+/gu;

/** The Porter stem of a word, after lower-casing and dropping accents as the tokenizer does. */
export function stem(word: string): string {
  return stemmer(word.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase());
}

/** The stems of every word that occurs in the names of the classes, such as `["sky-weather", "people-body"]`. */
export function stemsOf(names: Iterable<string>): Set<string> {
  const stems = new Set<string>();
  for (const name of names) {
    for (const word of name.match(WORD) ?? []) stems.add(stem(word));
  }
  return stems;
}

/**
 * The text of a sample: its keywords, one space apart, without any word whose stem is in `forbidden`.
 * A compound keyword loses only the forbidden word ("heart-eyes" becomes "eyes"); the text may end up empty. The two
 * letters of a region ("CX") are spelled: as words hardly one of them would be met in training and again in the test.
 */
export function textFromKeywords(keywords: readonly string[], forbidden: ReadonlySet<string>): string {
  const kept = new Set<string>();
  for (const keyword of keywords) {
    let removed = false;
    let rest = keyword.replace(WORD, (word) => {
      if (!forbidden.has(stem(word))) return word;
      removed = true;
      return "";
    });
    // The "-" or "’" that tied a removed word to its neighbour means nothing on its own.
    if (removed) {
      rest = rest.replace(/(?<![\p{L}\p{N}])[^\p{L}\p{N}\s]+|[^\p{L}\p{N}\s]+(?![\p{L}\p{N}])/gu, " ");
    }
    if (REGION.test(rest)) rest = [...rest].join(" ");
    for (const word of rest.split(/\s+/u)) if (word !== "") kept.add(word);
  }
  return [...kept].join(" ");
}
