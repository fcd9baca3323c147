/**
 * A dispatch in pieces: some workgroups of its grid at a time. Workgroups do not depend on each other, so that all pieces
 * together compute the same to the bit, and a device may do other things in between.
 */
import type { Dispatch, Grid } from "./dispatch.ts";
import type { KernelSource } from "./kernel.ts";
import type { Work } from "./profiler.ts";

/** Where a piece begins in the grid, and the size of that, which a kernel in pieces is told beside its parameters. */
const FIELDS = ["piece_x", "piece_y", "piece_z", "grid_x", "grid_y", "grid_z"] as const;

/** The head of an entry point, which has its place in the grid from here; and what it may have it from beside that. */
const ENTRY =
  /^(fn \w+\([^{]*?)@builtin\(workgroup_id\) group: vec3u(?:,\s*@builtin\(num_workgroups\) groups: vec3u)?([^{]*\{)/gm;
const OTHERWISE = /@builtin\((?:workgroup_id\) (?!group_of_piece)|num_workgroups|global_invocation_id)/;
const PARAMS = /^struct Params \{/m;

/** Kernels in pieces by the whole ones; undefined where one cannot be cut. */
const known = new WeakMap<KernelSource, KernelSource | undefined>();

/**
 * Cuts a dispatch along the longest side of its grid into `count` pieces, fewer where that has not as many workgroups, and one
 * where its kernel does not ask for its place in the grid by the usual names. What each has of the work is told in proportion.
 */
export function inPieces(
  dispatch: Dispatch,
  grid: Grid,
  count: number,
): (Dispatch & { readonly workgroups: Grid })[] {
  const { invocations: _, work, ...rest } = dispatch;
  const side = grid.indexOf(Math.max(...grid));
  const length = grid[side]!;
  const kernel = length > 1 ? kernelInPieces(dispatch.kernel) : undefined; // what has one workgroup need not ask which it is
  if (kernel === undefined) return [{ ...rest, ...(work && { work }), workgroups: grid }];
  const each = Math.ceil(length / count);
  const pieces: (Dispatch & { readonly workgroups: Grid })[] = [];
  for (let from = 0; from < length; from += each) {
    const workgroups = grid.with(side, Math.min(each, length - from)) as unknown as Grid;
    const places = [...[0, 0, 0].with(side, from), ...grid];
    pieces.push({
      ...rest,
      kernel,
      params: { ...dispatch.params, ...Object.fromEntries(FIELDS.map((name, i) => [name, places[i]!])) },
      workgroups,
      ...(work && { work: () => shareOf(work(), workgroups[side]! / length) }),
    });
  }
  return pieces;
}

function shareOf({ operations, bytes, ...rest }: Work, share: number): Work {
  return {
    ...rest,
    ...(operations !== undefined && { operations: operations * share }),
    ...(bytes !== undefined && { bytes: bytes * share }),
  };
}

/** The kernel with entry points that take a piece for a part of the grid. */
function kernelInPieces(kernel: KernelSource): KernelSource | undefined {
  if (known.has(kernel)) return known.get(kernel);
  const files = kernel.files.map((file) =>
    typeof file === "string"
      ? textInPieces(file)
      : { workgroup: textInPieces(file.workgroup), subgroup: textInPieces(file.subgroup) }
  );
  const isCut = !files.flatMap((file) => typeof file === "string" ? [file] : Object.values(file))
    .some((text) => OTHERWISE.test(text));
  const made = isCut ? { ...kernel, files } : undefined;
  known.set(kernel, made);
  return made;
}

function textInPieces(text: string): string {
  const [x, y, z, width, height, depth] = FIELDS.map((name) => `params.${name}`);
  return text
    .replace(PARAMS, `$& ${FIELDS.map((name) => `${name}: u32`).join(", ")},`)
    .replace(
      ENTRY,
      `$1@builtin(workgroup_id) group_of_piece: vec3u$2
  let group = group_of_piece + vec3u(${x}, ${y}, ${z});
  let groups = vec3u(${width}, ${height}, ${depth});`,
    );
}
