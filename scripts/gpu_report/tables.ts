/** Figures as rows of tables, and what among them is a fault. */
import type { CompiledStep } from "./compile_on.ts";
import type { Figures } from "./figures.ts";
import type { roofline, Share } from "./roofline.ts";

const percent = (share: number | undefined) => share === undefined ? "-" : `${(100 * share).toFixed(0)} %`;

/** A row a kernel. */
export function kernelRows({ kernels }: CompiledStep): string[][] {
  const header = [
    "kernel",
    "registers",
    "spills",
    "scratch B",
    "occupancy",
    "instructions",
    "FMA in all",
    "in loops",
    "in innermost",
  ];
  return [
    header,
    ...kernels.map(({ name, figures }) =>
      figures === undefined ? [name, "refused"] : [
        name,
        ...[figures.registers, figures.spills, figures.scratch, figures.occupancy, figures.instructions].map(
          String,
        ),
        percent(figures.shares?.kernel),
        percent(figures.shares?.loops),
        percent(figures.shares?.innermost),
      ]
    ),
  ];
}

/** Kernels whose work is multiply-adds, each with columns of the share that they are in its loops. */
const WORKERS = {
  "products": /^matmul_(tiles|matrix)/,
  "attention": /^attention(_tiles|_matrices)?\.forward/,
  "dq": /^attention(_tiles|_matrices)?\.grad_q/,
  "dk, dv": /^attention(_tiles|_matrices)?\.grad_kv/,
};

export const summaryHeader = [
  "FMA in loops / in innermost:",
  "kernels",
  "registers",
  "spills",
  "scratch B",
  ...Object.keys(WORKERS),
];

/** One row a compiler. */
export function summaryRow(title: string, { kernels }: CompiledStep): string[] {
  const most = (of: (figures: Figures) => number) =>
    String(Math.max(0, ...kernels.flatMap(({ figures }) => figures ? [of(figures)] : [])));
  return [
    title,
    String(kernels.length),
    most(({ registers }) => registers),
    most(({ spills }) => spills),
    most(({ scratch }) => scratch),
    ...Object.values(WORKERS).map((pattern) => {
      const workers = kernels.filter(({ name }) => pattern.test(name));
      const [loops, innermost] = (["loops", "innermost"] as const).map((key) => meanShare(workers, key));
      return loops === undefined ? "-" : `${percent(loops)} / ${percent(innermost)}`;
    }),
  ];
}

/** The mean over kernels, weighted by the instructions that their operations take; undefined where a share is not known. */
export function meanShare(
  kernels: CompiledStep["kernels"],
  key: "loops" | "innermost",
): number | undefined {
  const known = kernels.flatMap(({ operations, figures }) => {
    const share = figures?.shares?.[key];
    return share === undefined ? [] : [{ operations, share }];
  });
  const operations = known.reduce((sum, kernel) => sum + kernel.operations, 0);
  const instructions = known.reduce((sum, kernel) => sum + kernel.operations / kernel.share, 0);
  return operations > 0 ? operations / instructions : undefined;
}

/** A sentence for every kernel that is refused, spills, or has memory of its own. */
export function faultsOf({ kernels }: CompiledStep): string[] {
  return kernels.flatMap(({ name, figures, error }) => {
    if (figures === undefined) return [`${name} is refused: ${error?.split("\n")[0]}`];
    const { spills, scratch } = figures;
    return spills + scratch > 0
      ? [`${name} spills ${spills} registers, and has ${scratch} bytes of its own`]
      : [];
  });
}

/** A row a label, those that matter least as one, and the step in all. */
export function rooflineRows({ step, groups }: ReturnType<typeof roofline>): string[][] {
  const header = ["", "dispatches", "short", "TFLOP", "GB", "whole groups", "ideal ms", "model ms"];
  const [long, short] = [true, false].map((isLong) =>
    groups.filter(([, { model }]) => model >= LEAST_SHARE * step.model === isLong)
  ) as [typeof groups, typeof groups];
  const others = short.map(([, share]) => share).reduce(added, NOTHING);
  return [
    header,
    ...long.map(([label, share]) => row(label, share)),
    ...short.length > 0 ? [row(`${short.length} others`, others)] : [],
    row("the step", step),
  ];
}

const LEAST_SHARE = 1 / 400;
const NOTHING: Share = { dispatches: 0, operations: 0, bytes: 0, ideal: 0, model: 0, short: 0, rounded: 0 };

function added(a: Share, b: Share): Share {
  const keys = Object.keys(a) as (keyof Share)[];
  return Object.fromEntries(keys.map((key) => [key, a[key] + b[key]])) as unknown as Share;
}

function row(name: string, { dispatches, short, operations, bytes, rounded, ideal, model }: Share): string[] {
  return [
    name,
    String(dispatches),
    String(short),
    (operations / 1e12).toFixed(3),
    (bytes / 1e9).toFixed(2),
    operations === 0 ? "-" : (rounded / operations).toFixed(2),
    ideal.toFixed(2),
    model.toFixed(2),
  ];
}
