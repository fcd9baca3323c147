/** What a card must reach, and whether it does. */

/** What was measured, as far as it was; times are in milliseconds, shares of what the adapter was seen to do at most. */
export interface Measured {
  /** The largest square product in f32, of the peak of multiply-adds. */
  readonly product?: number;
  /** By name, of the bandwidth of copying. */
  readonly movers: Readonly<Record<string, number>>;
  readonly step: { readonly f32?: number; readonly torch?: number };
  /** In f16 on Dawn, beside PyTorch's automatic mixed precision. */
  readonly mixedStep: { readonly f16?: number; readonly torch?: number; readonly byMatrixUnits: boolean };
}

/** Lines of a table: the goal, what was measured, and "pass", "miss" or why there is no telling. */
export function goalRows({ product, movers, step, mixedStep }: Measured): string[][] {
  const moved = Object.entries(movers).sort(([, a], [, b]) => a - b);
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const row = (goal: string, measured: string | undefined, isReached: boolean, why = "not measured") => [
    goal,
    measured ?? "-",
    measured === undefined ? why : isReached ? "pass" : "miss",
  ];
  const ratio = (ours: number | undefined, theirs: number | undefined) =>
    ours === undefined || theirs === undefined ? undefined : ours / theirs;
  const [plain, mixed] = [ratio(step.f32, step.torch), ratio(mixedStep.f16, mixedStep.torch)];
  return [
    row(
      "the square product in f32: 60 % of the peak",
      product === undefined ? undefined : percent(product),
      product! >= 0.6,
    ),
    row(
      "the step in f32: 1.3 × PyTorch's",
      plain?.toFixed(2),
      plain! <= 1.3,
      step.torch === undefined ? "no PyTorch" : undefined,
    ),
    row(
      "the step in f16 by matrix units, on Dawn: 1.5 × PyTorch's of mixed precision",
      mixedStep.byMatrixUnits ? mixed?.toFixed(2) : undefined,
      mixed! <= 1.5,
      mixedStep.f16 === undefined
        ? "no Dawn with f16"
        : mixedStep.byMatrixUnits
        ? "no PyTorch"
        : "no matrix units",
    ),
    row(
      "every kernel that moves bytes: 70 % of copying",
      moved.length === 0 ? undefined : `${percent(moved[0]![1])} (${moved[0]![0]})`,
      moved[0]?.[1]! >= 0.7,
    ),
  ];
}
