/** What of others a compiled program carries: the facts of each package, and a bill of materials of them (CycloneDX 1.5). */
import { join } from "node:path";
import { carriedPackages, type Package } from "../compile/packages.ts";

/** A package with what it says of its licence. */
export interface Part extends Package {
  /** An expression of SPDX. */
  readonly licence: string;
  /** Whom its package.json names. */
  readonly author: string | undefined;
  /** Its files on licences and notices, by name. */
  readonly texts: ReadonlyMap<string, string>;
  /** Of the archive that npm serves, by deno.lock: `sha512-` and base64. */
  readonly integrity: string;
}

const TEXTS = /^(?:licen[cs]e|copying|notice)/i;

/** Reads what the packages of the checkout at `root` say. Throws an Error where one has no licence, or is not in deno.lock. */
export async function partsOf(root: string): Promise<Part[]> {
  const lock: { npm: Record<string, { integrity: string }> } = JSON.parse(
    Deno.readTextFileSync(join(root, "deno.lock")),
  );
  return (await carriedPackages(root)).map((one) => {
    const of = `${one.name}@${one.version}`;
    const key = Object.keys(lock.npm).find((key) => key === of || key.startsWith(`${of}_`));
    if (key === undefined) throw new Error(`${of} is not in deno.lock`);
    const { license, author } = JSON.parse(Deno.readTextFileSync(join(one.folder, "package.json")));
    if (typeof license !== "string") throw new Error(`${of} names no licence`);
    const files = [...Deno.readDirSync(one.folder)].map(({ name }) => name).filter((name) =>
      TEXTS.test(name)
    );
    const texts = new Map(
      files.sort().map((name) => [name, Deno.readTextFileSync(join(one.folder, name))]),
    );
    return {
      ...one,
      licence: license.replace(/^\((.*)\)$/, "$1").replace(/^apache-2\.0$/, "Apache-2.0"),
      author: typeof author === "string" ? author : author?.name,
      texts,
      integrity: lock.npm[key]!.integrity,
    };
  });
}

/** The bill of materials, for programs that look for known faults of parts. Nothing in it depends on when it is made. */
export function billOfMaterials(version: string, denoVersion: string, parts: readonly Part[]): object {
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": "unis",
        name: "unis",
        version,
        licenses: [{ license: { id: "MIT" } }],
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": "deno",
        name: "deno",
        version: denoVersion,
        purl: `pkg:github/denoland/deno@v${denoVersion}`,
        licenses: [{ license: { id: "MIT" } }],
      },
      ...parts.map(componentOf),
    ],
    dependencies: [{ ref: "unis", dependsOn: ["deno", ...parts.map(purlOf)] }],
  };
}

function componentOf(part: Part): object {
  const { name, version, licence, integrity } = part;
  const [, group, own] = /^(?:(@[^/]+)\/)?(.+)$/.exec(name)!;
  return {
    type: "library",
    "bom-ref": purlOf(part),
    ...(group && { group }),
    name: own,
    version,
    purl: purlOf(part),
    licenses: /\s/.test(licence) ? [{ expression: licence }] : [{ license: { id: licence } }],
    hashes: [{ alg: "SHA-512", content: hexOf(integrity) }],
  };
}

/** The address of a package among all kinds of packages: https://github.com/package-url/purl-spec */
function purlOf({ name, version }: Package): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function hexOf(integrity: string): string {
  const base64 = /^sha512-(.+)$/.exec(integrity)?.[1];
  if (base64 === undefined) throw new Error(`deno.lock has "${integrity}", which is no SHA-512`);
  return Uint8Array.fromBase64(base64).toHex();
}
