/**
 * The classes of Unicode's characters as the reference implementation of tokenizers (the Rust library behind
 * `transformers`) has them. Its tables are older than the JavaScript engine's: characters that came later have no accents
 * to strip, are no punctuation, no letters and no numbers to it. They were found by comparing all 1,112,064 code points
 * with tokenizers 0.13.3.
 */

/** Its normaliser leaves these as they are: marks, format characters and letters with a lower case that came later. */
const UNTOUCHED = `
7FD 890-891 897-89F 8CA-8E2 9FE AFA-AFF B55 C04 C3C D00 D3B-D3C D81 EBA ECE 180F 1885-1886 1ABF-1ACE
1C89 1DF6-1DFB A7CB-A7CC A7DA A7DC A82C A8C5 A8FF A9BD 105C9 105E4 10D24-10D27 10D50-10D65 10D69-10D6D
10EAB-10EAC 10EFC-10EFF 10F46-10F50 10F82-10F85 11070 11073-11074 110C2 110CD 111C9 111CF 1123E 11241
1133B 11383 11385 1138E 11391 113BB-113C0 113C5 113C7-113C8 113CE 113D0 113D2 113E1-113E2 11438-1143F
11442-11444 11446 1145E 1182F-11837 11839-1183A 11938 1193B-1193C 1193E 11943 119D4-119D7 119DA-119DB
119E0 11A01-11A0A 11A33-11A38 11A3B-11A3E 11A47 11A51-11A56 11A59-11A5B 11A8A-11A96 11A98-11A99
11C30-11C36 11C38-11C3D 11C3F 11C92-11CA7 11CAA-11CB0 11CB2-11CB3 11CB5-11CB6 11D31-11D36 11D3A
11D3C-11D3D 11D3F-11D45 11D47 11D90-11D91 11D95 11D97 11EF3-11EF4 11F00-11F01 11F36-11F3A 11F40 11F42
11F5A 13430-13440 13447-13455 1611E-16129 1612D-1612F 16D68-16D6A 16F4F 16FE4 1CF00-1CF2D 1CF30-1CF46
1E000-1E006 1E008-1E018 1E01B-1E021 1E023-1E024 1E026-1E02A 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF
1E4EC-1E4EF 1E5EE-1E5EF 1E944-1E94A`;

const NO_PUNCTUATION = `
61D 9FD A76 C77 C84 1B4E-1B4F 1B7D-1B7F 2E43-2E4F 2E52-2E5D 10D6E 10EAD 10F55-10F59 10F86-10F89
113D4-113D5 113D7-113D8 1144B-1144F 1145A-1145B 1145D 11660-1166C 116B9 1183B 11944-11946 119E2
11A3F-11A46 11A9A-11A9C 11A9E-11AA2 11B00-11B09 11BE1 11C41-11C45 11C70-11C71 11EF7-11EF8 11F43-11F4F
11FFF 12FF1-12FF2 16D6D-16D6F 16E97-16E9A 16FE2 1E5FF 1E95E-1E95F`;

const NO_LETTER_OR_NUMBER = `
1C89-1C8A A7CB-A7CD A7DA-A7DC 105C0-105F3 10D40-10D65 10D6F-10D85 10EC2-10EC4 1123F-11240 11380-11389
1138B 1138E 11390-113B5 113B7 113D1 113D3 116D0-116E3 11BC0-11BE0 11BF0-11BF9 11F02 11F04-11F10
11F12-11F33 11F50-11F59 1342F 13441-13446 13460-143FA 16100-1611D 16130-16139 16D40-16D6C 16D70-16D79
18CFF 1B132 1B155 1CCF0-1CCF9 1D2C0-1D2D3 1DF25-1DF2A 1E030-1E06D 1E4D0-1E4EB 1E4F0-1E4F9 1E5D0-1E5ED
1E5F0-1E5FA 2B739 2EBF0-2EE5D 31350-323AF`;

/** Its forms of Unicode know no decomposition and no combining class of these. */
const UNFORMED = `
7FD 897-89F 8CA-8D3 9FE C3C D3B-D3C EBA 1715 1ABF-1ACE 1DF6-1DFA 32FF A7F2-A7F4 A82C AB69 105C9 105E4
10781-10785 10787-107B0 107B2-107BA 10D24-10D27 10D69-10D6D 10EAB-10EAC 10EFD-10EFF 10F46-10F50 10F82-10F85
11070 1133B 11383 11385 1138E 11391 113C5 113C7-113C8 113CE-113D0 1145E 11839-1183A 11938 1193D-1193E 11943
119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97 11F41-11F42 16121-16128 1612F 16D68-16D6A 16FF0-16FF1
1CCD6-1CCF9 1E030-1E06D 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5EF 1F16C 1FBF0-1FBF9`;

/** Splits a text into what is normalised (even places) and what is not (odd places). */
export const UNTOUCHED_RUNS = new RegExp(`([${ranges(UNTOUCHED)}]+)`, "v");
/** The same for forms of Unicode, such as NFC. */
export const UNFORMED_RUNS = new RegExp(`([${ranges(UNFORMED)}]+)`, "v");
/** Marks that stripping of accents removes: U+1734 and U+1171E were non-spacing once. */
export const ACCENTS = /[\p{Mn}\u1734\u{1171E}]/gv;
/** The characters that cleaning removes: NUL, U+FFFD and control, format and private characters but tab and line ends. */
export const CONTROLS = /[\0\uFFFD[[\p{Cc}\p{Cf}\p{Co}]--[\t\n\r]]]/gv;
/** CJK ideographs, each a word of its own; the gap after U+2B81F is the reference's. */
export const IDEOGRAPHS =
  /[\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

const SPACE = "\\p{White_Space}"; // other than JavaScript's \s, it holds U+0085 and not U+FEFF
const PUNCTUATION = `[[\\p{P}\\u166D\\u{111C9}\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E]--[${
  ranges(NO_PUNCTUATION)
}]]`;
/** The words and single punctuation characters of BERT's pre-tokenizer. */
export const BERT_WORDS = new RegExp(`[^${SPACE}${PUNCTUATION}]+|${PUNCTUATION}`, "gv");

const LATER = ranges(NO_LETTER_OR_NUMBER);
const LETTER = `[\\p{L}--[${LATER}]]`, NUMBER = `[\\p{N}--[${LATER}]]`;
/** The pieces of GPT-2's pre-tokenizer, which RoBERTa shares. */
export const BYTE_LEVEL_PIECES = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?${LETTER}+| ?${NUMBER}+| ?[^${SPACE}${LETTER}${NUMBER}]+` +
    `|${SPACE}+(?![^${SPACE}])|${SPACE}+`,
  "gv",
);

/** What the pattern of a step says, where it names classes that the reference's regular expressions have otherwise. */
export function exactPattern(step: { readonly pattern?: unknown } | null | undefined): RegExp | undefined {
  const { Regex: source } = (step?.pattern ?? {}) as { readonly Regex?: string };
  if (source === undefined || !/\\(?:s|S|p\{[LN]\})/.test(source)) return undefined;
  const exact = source.replaceAll("\\s", SPACE).replaceAll("\\S", `[^${SPACE}]`)
    .replaceAll("\\p{L}", LETTER).replaceAll("\\p{N}", NUMBER);
  try {
    return new RegExp(exact, "gv");
  } catch {
    return undefined; // what JavaScript does not have is left to the package
  }
}

/** "A-B C" as the inside of a character class. */
function ranges(text: string): string {
  return text.trim().replace(/[0-9A-F]+/g, (hex) => `\\u{${hex}}`).replace(/\s+/g, "");
}
