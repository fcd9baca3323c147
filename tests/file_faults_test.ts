/** A power failure, as attacks make it, takes back what no disk had, and nothing else. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "./io/crafted.ts";

const SHIM = new URL("../scripts/torture/file_faults.ts", import.meta.url).pathname;
const KEYS = [4, 7, 10];

/** What is left of a file that a program replaced as `body` does, when the power failed with its last step; null where it is gone. */
async function leftOf(body: string, at: number, power: number): Promise<string | null> {
  using folder = temporaryFolder();
  const [own, shelf] = ["own", "shelf"].map((name) => join(folder.path, name));
  for (const path of [own!, shelf!]) Deno.mkdirSync(path);
  const [file, temporary] = [join(own!, "file"), join(own!, "file.tmp")];
  Deno.writeTextFileSync(file, "before");
  const script = join(folder.path, "program.ts");
  Deno.writeTextFileSync(
    script,
    `const [folder, file, temporary] = ${JSON.stringify([own, file, temporary])};
     const sync = (path: string, options: Deno.OpenOptions) => { using file = Deno.openSync(path, options); file.syncSync(); };
     ${body}
     Deno.mkdirSync(folder + "/last");`,
  );
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-config", "--preload", SHIM, script],
    env: { FILE_FAULTS: JSON.stringify({ folder: own, shelf, at, power }) },
    stderr: "null",
  }).output();
  assert.equal(code, 137);
  try {
    return Deno.readTextFileSync(file);
  } catch {
    return null;
  }
}

const left = (body: string, at: number) => Promise.all(KEYS.map((key) => leftOf(body, at, key)));

Deno.test("a file that was renamed without a sync may come to nothing; with all syncs it is there", async () => {
  const write = "Deno.writeTextFileSync(temporary, 'after and longer');";
  const rename = "Deno.renameSync(temporary, file);";
  // open, write, rename, and the last; a sync of the file and one of the folder are a step each.
  const careless = await left(write + rename, 4);
  assert.ok(careless.some((text) => text !== "before" && text !== "after and longer"), `${careless}`);
  const synced = `${write} sync(temporary, { write: true }); ${rename}`;
  const halfway = new Set(await left(synced, 5));
  assert.deepEqual(halfway, new Set(["before", "after and longer"]));
  const careful = await left(`${synced} sync(folder, { read: true });`, 6);
  assert.deepEqual(careful, KEYS.map(() => "after and longer"));
});
