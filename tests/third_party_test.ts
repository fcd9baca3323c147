// What a compiled program carries of others: licences are told, nothing is installed that the lock does not know, and no
// script of a package runs where it is.
import assert from "node:assert/strict";
import { join } from "node:path";
import { billOfMaterials, partsOf } from "../scripts/third_party/bill.ts";
import { noticeOf } from "../scripts/third_party/notice.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));
const parts = await partsOf(ROOT);
const lock: { npm: Record<string, { integrity: string; scripts?: boolean }> } = JSON.parse(read("deno.lock"));

/** Licences that ask for no more than to be passed on. */
const PERMISSIVE = ["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "Unlicense"];

Deno.test("THIRD_PARTY.md is what `deno task third-party` writes", () => {
  assert.ok(noticeOf(parts) === read("THIRD_PARTY.md"), "run: deno task third-party");
});

Deno.test("every package has a licence that lets it be passed on", () => {
  assert.ok(parts.length > 80, `${parts.length} packages`);
  for (const { name, licence } of parts) {
    for (const one of licence.split(" AND ")) assert.ok(PERMISSIVE.includes(one), `${name}: ${one}`);
  }
});

Deno.test("the bill of materials names each package once, by its address and the digest of its archive", () => {
  const bill = billOfMaterials("1.2.3", "2.9.0", parts) as {
    components: { "bom-ref": string; name: string; purl: string; hashes?: { content: string }[] }[];
    dependencies: { dependsOn: string[] }[];
  };
  const refs = bill.components.map((one) => one["bom-ref"]);
  assert.equal(new Set(refs).size, parts.length + 1);
  assert.deepEqual(bill.dependencies[0]!.dependsOn, refs);
  const hub = bill.components.find(({ purl }) => purl.startsWith("pkg:npm/%40huggingface/hub@"))!;
  const [, integrity] = Object.entries(lock.npm).find(([key]) => key.startsWith("@huggingface/hub@"))!;
  assert.equal(hub.name, "hub");
  assert.equal(`sha512-${Uint8Array.fromHex(hub.hashes![0]!.content).toBase64()}`, integrity.integrity);
});

Deno.test("packages are those of the lock, by digest, and none of their scripts runs", () => {
  for (const path of ["deno.lock", "scripts/dawn/deno.lock"]) {
    const { npm }: typeof lock = JSON.parse(read(path));
    for (const [name, { integrity }] of Object.entries(npm)) {
      assert.match(integrity, /^sha512-[\w+/]{86}==$/, `${path}: ${name}`);
    }
  }
  for (const path of ["deno.json", "scripts/dawn/deno.json"]) {
    assert.equal(JSON.parse(read(path)).allowScripts, undefined, path);
  }
  const scripted = parts.filter(({ name, version }) => lock.npm[`${name}@${version}`]?.scripts);
  assert.deepEqual(scripted, []);
  const installs = ["scripts/run.sh", ".github/workflows/ci.yml", ".github/workflows/release.yml"].flatMap(
    (path) => read(path).match(/(?:deno"? install|npm install)[^#]*?(?=\n\s*(?!-)|$)/gm) ?? [],
  );
  assert.ok(installs.length >= 4, installs.join("; "));
  for (const one of installs) assert.match(one, one.startsWith("npm") ? /--ignore-scripts/ : /--frozen/);
  assert.doesNotMatch(installs.join("\n"), /--allow-scripts/);
});
