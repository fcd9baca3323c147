/** One run of a kernel: what its caller asks for, and the grid of workgroups that it takes. */
import type { Constants, KernelSource } from "./kernel.ts";
import type { Pipeline } from "./pipelines.ts";
import type { BufferRange } from "./pool.ts";
import type { Work } from "./profiler.ts";

/** Ranges by the WGSL names of their bindings. */
export type Buffers = Readonly<Record<string, BufferRange>>;

/** Workgroups: a grid, or a count, which is folded into two dimensions where it exceeds the limit of one. */
export type Workgroups = number | Grid;
export type Grid = readonly [number, number, number];

/** One run of an entry point: on so many workgroups, or on as many as have the invocations asked for. */
export type Dispatch =
  & {
    readonly kernel: KernelSource;
    readonly entry: string;
    /** Exactly the buffers that the entry uses, by their WGSL names. */
    readonly buffers: Buffers;
    /** Exactly the fields of `struct Params` that the entry uses; none if not given. */
    readonly params?: Readonly<Record<string, number>>;
    /** Values for the kernel's `alias` and `const` declarations; those of its files if not given. */
    readonly constants?: Constants;
    /** Called while profiling only. */
    readonly work?: () => Work;
  }
  & (
    | { readonly workgroups: Workgroups; readonly invocations?: never }
    | { readonly invocations: number; readonly workgroups?: never }
  );

/** Workgroups of one dimension at most. */
export const MAX_WORKGROUPS = 65535;

/** A grid of `count` workgroups; beyond the limit of one dimension the kernel flattens it with `flat_group`. */
export function foldWorkgroups(count: number): Grid {
  if (count <= MAX_WORKGROUPS) return [count, 1, 1];
  const rows = Math.ceil(count / MAX_WORKGROUPS);
  return [Math.ceil(count / rows), rows, 1];
}

/** The grid of a dispatch. Throws TypeError for invocations where the size of a workgroup is not known. */
export function gridOf(
  { workgroups, invocations }: Dispatch,
  { label, workgroupSize }: Pipeline,
): Grid {
  if (workgroups !== undefined) {
    return typeof workgroups === "number" ? foldWorkgroups(workgroups) : workgroups;
  }
  if (workgroupSize === undefined) {
    throw new TypeError(
      `Cannot dispatch ${label} by invocations: say its workgroups, whose size is computed`,
    );
  }
  return foldWorkgroups(Math.ceil(invocations / workgroupSize));
}
