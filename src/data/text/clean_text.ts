/** Prepares long texts as the published code of UniS-MMC does. */

/**
 * Lower-cased words of the letters a to z: first the punctuation becomes spaces and runs of white space one space, then
 * every other character a space, then a single letter between spaces goes (of several in a row every second one stays,
 * as published).
 */
export function cleanText(text: string): string {
  return text.replace(/[<>/\\+=\-_[\]{}'";:.,()*&^%$#@!~`]/g, " ")
    .replace(/\s\s+/g, " ")
    .replace(/[^a-zA-Z]/g, " ")
    .replace(/\s+[a-zA-Z]\s+/g, " ")
    .toLowerCase();
}

/** The beginning of a text, so many words long: enough where each is a token at least, and no memory spent on the rest. */
export function firstWords(text: string, count: number): string {
  const word = /\S+/g;
  for (let i = 0; i < count; i++) if (word.exec(text) === null) return text;
  return text.slice(0, word.lastIndex);
}
