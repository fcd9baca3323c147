/** Lays out what a compiled program carries: modules, kernels, the emoji, and those files of packages that run. */
import { dirname, join, relative } from "node:path";
import { indexEmoji } from "../../src/data/emoji/emoji.ts";
import { EMOJI_ARCHIVE, packEmoji } from "../../src/data/emoji/packages.ts";
import { type Graph, graphsOf, reachedPackages } from "./packages.ts";

/** What a package needs to run, and the licence that goes with it. */
const RUNS = /\.(?:[cm]?js|json|wasm)$|^(?:licen[cs]e|copying|notice)/i;
/** The same once more, for a browser in one file. */
const SPARE = /\.(?:min|umd)\.js$/;
/** Of packages of codecs, what encodes. */
const SPARE_ENCODERS = /[\\/]@jsquash[\\/].*[\\/](?:enc[\\/]|(?:index|encode)\.js$)/;
/** Folders at the top of a package. */
const SPARE_FOLDERS = /^(?:tests?|__tests__|docs|examples?|benchmarks?)$/;

/** Bytes that were laid out, by what they are. */
export interface Sizes {
  readonly modules: number;
  readonly packages: number;
  readonly emoji: number;
}

/** Lays the program of the checkout at `root` out in the folder `to`, which is made anew. */
export async function stage(root: string, to: string): Promise<Sizes> {
  await Deno.remove(to, { recursive: true }).catch(() => {});
  await Deno.mkdir(to, { recursive: true });
  const graphs = await graphsOf(root);
  const modules = copyModules(root, to, graphs);
  const packages = copyPackages(root, to, graphs);
  const { samples } = await indexEmoji();
  const archive = await packEmoji(samples.map(({ inputs }) => inputs.image as string));
  Deno.writeFileSync(join(to, EMOJI_ARCHIVE), archive);
  writeConfig(root, to);
  return { modules, packages, emoji: archive.length };
}

function copyModules(root: string, to: string, graphs: readonly Graph[]): number {
  const paths = graphs.flatMap(({ modules }) => modules.flatMap(({ local }) => local ?? []));
  return [...new Set(paths)].reduce((sum, path) => sum + copy(path, join(to, relative(root, path))), 0);
}

/** The packages that modules reach, under the paths that they have: links between them lead where they did. */
function copyPackages(root: string, to: string, graphs: readonly Graph[]): number {
  const folders = new Set(reachedPackages(graphs).map(({ folder }) => folder));
  let bytes = 0;
  for (const folder of folders) bytes += copyPackage(folder, join(to, relative(root, folder)), true);
  for (const link of linksIn(join(root, "node_modules"))) {
    const target = Deno.realPathSync(link);
    if (folders.has(target)) copyLink(join(to, relative(root, link)), join(to, relative(root, target)));
  }
  return bytes;
}

function copyPackage(from: string, to: string, isTop = false): number {
  let bytes = 0;
  for (const { name, isFile, isDirectory } of Deno.readDirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (isDirectory && !(isTop && SPARE_FOLDERS.test(name))) bytes += copyPackage(source, target);
    const isSpare = SPARE.test(name) || SPARE_ENCODERS.test(source);
    if (isFile && RUNS.test(name) && !isSpare) bytes += copy(source, target);
  }
  return bytes;
}

/** The links by which modules and packages find packages. */
function* linksIn(folder: string): Generator<string> {
  for (const { name, isSymlink, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isSymlink) yield path;
    // Folders of packages are not walked into, but those around them: node_modules, @scopes, and Deno's own.
    else if (isDirectory && (/^(@.*|\.deno|node_modules)$/.test(name) || dirname(path).endsWith(".deno"))) {
      yield* linksIn(path);
    }
  }
}

function copyLink(path: string, target: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  // Windows lets everybody make junctions, whose targets are absolute.
  if (Deno.build.os === "windows") Deno.symlinkSync(target, path, { type: "junction" });
  else Deno.symlinkSync(relative(dirname(path), target), path);
}

function copy(from: string, to: string): number {
  Deno.mkdirSync(dirname(to), { recursive: true });
  Deno.copyFileSync(from, to);
  return Deno.statSync(to).size;
}

/** Names of packages resolve as before, and nothing that is missing is installed. */
function writeConfig(root: string, to: string): void {
  const { imports } = JSON.parse(Deno.readTextFileSync(join(root, "deno.json")));
  Deno.writeTextFileSync(
    join(to, "deno.json"),
    JSON.stringify({ imports, nodeModulesDir: "manual" }, null, 2),
  );
}
