/** Text read in chunks of 64 KiB: characters that are cut, byte order marks, and what is no text. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { textChunks } from "../../src/io/text_chunks.ts";
import { temporaryFolder } from "./crafted.ts";

const CHUNK = 2 ** 16;

async function read(path: string, encoding?: string): Promise<string[]> {
  return await Array.fromAsync(textChunks(path, encoding));
}

// The character of four bytes lies across the end of the first chunk, or beside it.
for (const before of [0, CHUNK - 5, CHUNK - 4, CHUNK - 3, CHUNK - 2, CHUNK - 1, CHUNK, 2 * CHUNK - 2]) {
  Deno.test(`textChunks() gives a text whole whose character 🎈 begins at byte ${before}`, async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "x.txt");
    const text = `${"a".repeat(before)}🎈é\n${"b".repeat(9)}`;
    Deno.writeTextFileSync(path, text);
    const chunks = await read(path);
    assert.ok(chunks.join("") === text);
    assert.ok(
      chunks.length >= Math.ceil(before / CHUNK) && chunks.length <= 2 + before / CHUNK + 1,
      `${chunks.length}`,
    );
  });
}

Deno.test("textChunks() passes over a byte order mark at the start, and nothing else", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.txt");
  for (const [written, expected] of [["\ufeffa", "a"], ["a\ufeff", "a\ufeff"], ["", ""]] as const) {
    Deno.writeTextFileSync(path, written);
    assert.equal((await read(path)).join(""), expected);
  }
});

Deno.test("textChunks() names a file that is missing, a folder, or no UTF-8, to its last byte", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.txt");
  const refused = async (path: string, message: RegExp) =>
    await assert.rejects(read(path), (error) => error instanceof UserError && message.test(error.message));
  await refused(path, /Cannot read .*x\.txt: it is missing/);
  await refused(folder.path, /Cannot read .*: it is a folder/);
  for (const bytes of [[0x61, 0xff], [0x61, 0xc3], [0xc3, 0x61], [0xf0, 0x9f, 0x8e]]) {
    Deno.writeFileSync(path, Uint8Array.from([0x61, 0x0a, 0xc3, 0xa9, 0x0a, ...bytes]));
    await refused(path, /Cannot read .*x\.txt: line 3 is not valid UTF-8: save the file as UTF-8, or name/);
  }
});

Deno.test("textChunks() takes NUL among the first 4096 bytes for no text, and further on for a character", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.txt");
  for (const before of [0, 4095, 4096]) {
    const text = "a".repeat(before) + "\0a";
    Deno.writeTextFileSync(path, text);
    if (before === 4096) assert.equal((await read(path)).join(""), text);
    else await assert.rejects(read(path), /UserError: Cannot read .*x\.txt: it is UTF-16 or no text at all/);
  }
});

Deno.test("textChunks() names the line of a byte that is wrong, wherever the chunk before it ends", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.txt");
  for (const lines of [CHUNK / 4 - 1, CHUNK / 4, CHUNK / 2 + 1]) {
    // Four bytes a line, of which two are one character; the last is cut by what is wrong.
    const good = new TextEncoder().encode("aé\n".repeat(lines));
    Deno.writeFileSync(path, Uint8Array.from([...good, 0xc3, 0x0a, 0x61]));
    const line = new RegExp(`line ${lines + 1} is not valid UTF-8`);
    await assert.rejects(read(path), (error) => error instanceof UserError && line.test(error.message));
  }
});

Deno.test("textChunks() reads other encodings by name, and none whose mark says otherwise", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.txt");
  const wide = (text: string, littleEndian: boolean) => {
    const bytes = new DataView(new ArrayBuffer(2 * text.length));
    for (let i = 0; i < text.length; i++) bytes.setUint16(2 * i, text.charCodeAt(i), littleEndian);
    return new Uint8Array(bytes.buffer);
  };
  const text = "é🎈\n".repeat(40_000);
  const readAlike: [string, Uint8Array, string][] = [
    ["utf-16", wide(`\ufeff${text}`, true), text],
    ["utf-16", wide(`\ufeff${text}`, false), text],
    ["utf-16", wide(text, true), text],
    ["latin1", Uint8Array.of(0xe9, 0x80), "é€"],
    ["windows-1251", Uint8Array.of(0xe9), "й"],
    ["shift_jis", Uint8Array.of(0x83, 0x65), "テ"],
  ];
  for (const [encoding, bytes, expected] of readAlike) {
    Deno.writeFileSync(path, bytes);
    assert.ok((await read(path, encoding)).join("") === expected, encoding);
  }
  const refused: [string | undefined, Uint8Array, RegExp][] = [
    [
      undefined,
      wide("\ufeffa", true),
      /it is UTF-16, not utf-8: name its encoding \(data\.encoding=utf-16, of predict/,
    ],
    [undefined, wide("\ufeffa", false), /it is UTF-16, not utf-8/],
    [undefined, wide("a\nb", true), /it is UTF-16 or no text at all: .*data\.encoding=utf-16/],
    ["latin1", Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), /it is UTF-8, not latin1: .*data\.encoding=utf-8/],
    ["utf-16", Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), /it is UTF-8, not utf-16/],
    ["utf-16", Uint8Array.of(0x61, 0, 0x0a, 0, 0, 0xd8, 0x61, 0), /line 2 is not valid utf-16/],
    ["shift_jis", Uint8Array.of(0x61, 0x0a, 0x83, 0xff), /line 2 is not valid shift_jis/],
  ];
  for (const [encoding, bytes, message] of refused) {
    Deno.writeFileSync(path, bytes);
    await assert.rejects(
      read(path, encoding),
      (error) => error instanceof UserError && message.test(error.message),
    );
  }
});
