/** Text read in chunks of 64 KiB: characters that are cut, byte order marks, and what is no text. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { textChunks } from "../../src/io/text_chunks.ts";
import { temporaryFolder } from "./crafted.ts";

const CHUNK = 2 ** 16;

async function read(path: string): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of textChunks(path)) chunks.push(chunk);
  return chunks;
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
    Deno.writeFileSync(path, Uint8Array.from(bytes));
    await refused(path, /Cannot read .*x\.txt: it is not valid UTF-8: save it as UTF-8/);
  }
});
