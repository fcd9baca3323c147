/**
 * Writes THIRD_PARTY.md, the licences of all that a compiled program carries; a test tells where it is out of date.
 *
 *     deno task third-party [--sbom FILE]     # a bill of materials (CycloneDX 1.5, JSON), in place of it
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { VERSION } from "../../src/base/version.ts";
import { billOfMaterials, partsOf } from "./bill.ts";
import { noticeOf } from "./notice.ts";

const root = join(import.meta.dirname!, "../..");
const { values: flags } = parseArgs({ options: { sbom: { type: "string" } } });
const parts = await partsOf(root);
const path = flags.sbom ?? join(root, "THIRD_PARTY.md");
const text = flags.sbom === undefined
  ? noticeOf(parts)
  : JSON.stringify(billOfMaterials(VERSION, Deno.version.deno, parts), null, 2) + "\n";
Deno.writeTextFileSync(path, text);
console.log(`Written     ${path}: ${parts.length} packages`);
