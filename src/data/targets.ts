/** What samples are to be told, and what each task makes of it: one of several classes, any number of labels, or a number. */

export const TASKS = ["classification", "multi_label", "regression"] as const;
export type TaskName = typeof TASKS[number];

/** The mean and the standard deviation of the numbers of training samples, by which models learn them. */
export interface Scale {
  readonly mean: number;
  readonly std: number;
}

/** What a sample is to be told. */
export interface Target {
  /** The number of its class; 0 in other tasks. */
  readonly label: number;
  /** In other tasks: the numbers of its labels, rising, or its number alone. */
  readonly target?: readonly number[];
}

/** A target in which the classes of a run have their numbers, or the name of a class that the run does not know. */
export type Relabelled = Target | { readonly unknown: string };

interface TargetKind {
  /** As lists of samples show it, and `unis` tells targets apart. */
  text(target: Target, classes: readonly string[]): string;
  /** The names of the classes in such a text. */
  namesIn(text: string): readonly string[];
  /** The numbers of the classes that a sample counts for. */
  classesOf(target: Target): readonly number[];
  /** The target with the numbers that the classes `from` have in `to`. */
  relabel(target: Target, from: readonly string[], to: readonly string[]): Relabelled;
  /** A number for each sample; where splits are drawn, those of one number keep their shares. */
  strata(targets: readonly Target[]): number[];
  /** A sentence about the targets of a data set, where counts of classes do not say it all. */
  summary?(targets: readonly Target[]): string;
  /** What is learned, f32 [samples, outputs], where that is not the number of a class. */
  learned?(targets: readonly Target[], outputs: number, scale: Scale): Float32Array<ArrayBuffer>;
}

const numbersOf = ({ target = [] }: Target) => target;

/** By tasks. */
export const TARGETS: Readonly<Record<TaskName, TargetKind>> = {
  classification: {
    text: ({ label }, classes) => classes[label]!,
    namesIn: (text) => [text],
    classesOf: ({ label }) => [label],
    relabel({ label }, from, to) {
      const now = to.indexOf(from[label]!);
      return now < 0 ? { unknown: from[label]! } : { label: now };
    },
    strata: (targets) => targets.map(({ label }) => label),
  },
  multi_label: {
    text: (target, classes) => joinNames(numbersOf(target).map((label) => classes[label]!)),
    namesIn: splitNames,
    classesOf: numbersOf,
    relabel(target, from, to) {
      const now = numbersOf(target).map((label) => to.indexOf(from[label]!));
      const unknown = now.indexOf(-1);
      if (unknown >= 0) return { unknown: from[numbersOf(target)[unknown]!]! };
      return { label: 0, target: now.sort((a, b) => a - b) };
    },
    // The rarest label of a sample: labels that few have are spread as evenly as classes are.
    strata(targets) {
      const counts: number[] = [];
      for (const label of targets.flatMap(numbersOf)) counts[label] = (counts[label] ?? 0) + 1;
      return targets.map((target) =>
        numbersOf(target).reduce(
          (rarest, label) => rarest < 0 || counts[label]! < counts[rarest]! ? label : rarest,
          -1,
        )
      );
    },
    summary(targets) {
      const counts = targets.map((target) => numbersOf(target).length);
      const mean = counts.reduce((sum, count) => sum + count, 0) / Math.max(1, counts.length);
      const none = counts.filter((count) => count === 0).length;
      return `${mean.toFixed(2)} labels a sample on average; ${none} of ${counts.length} samples have none`;
    },
    learned(targets, outputs) {
      const values = new Float32Array(targets.length * outputs);
      for (const [row, target] of targets.entries()) {
        for (const label of numbersOf(target)) values[row * outputs + label] = 1;
      }
      return values;
    },
  },
  regression: {
    text: (target) => String(numbersOf(target)[0]),
    namesIn: () => [],
    classesOf: () => [0],
    relabel: (target) => ({ label: 0, target: numbersOf(target) }),
    strata: (targets) => targets.map(() => 0),
    summary(targets) {
      const values = targets.map((target) => numbersOf(target)[0]!);
      const { mean, std } = scaleOf(targets);
      const [least, most] = [Math.min, Math.max].map((pick) =>
        values.reduce((a, b) => pick(a, b), values[0]!)
      );
      const shown = (value = NaN) => String(Number(value.toPrecision(6)));
      return `numbers from ${shown(least)} to ${shown(most)}, their mean ${
        shown(mean)
      } and standard deviation ${shown(std)}`;
    },
    learned: (targets, _, { mean, std }) =>
      Float32Array.from(targets, (target) => (numbersOf(target)[0]! - mean) / std),
  },
};

/** What samples are to be told, as measures compare it: 1 or 0 for labels, u32 [samples, classes], or numbers, f64 [samples]. */
export function valuesOf(
  task: Exclude<TaskName, "classification">,
  targets: readonly Target[],
  classes: number,
): Uint32Array | Float64Array {
  if (task === "regression") return Float64Array.from(targets, (target) => numbersOf(target)[0]!);
  return Uint32Array.from(TARGETS.multi_label.learned!(targets, classes, { mean: 0, std: 1 }));
}

/** How many values `valuesOf` has for a sample, and 1 in classification. */
export function widthOf(task: TaskName = "classification", classes: number): number {
  return task === "multi_label" ? classes : 1;
}

/** The mean and the population standard deviation of numbers, those of the training samples; of equal ones it is 0. */
export function scaleOf(targets: readonly Target[]): Scale {
  const values = targets.map((target) => numbersOf(target)[0]!);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / values.length) };
}

/** Names in one text, parted by "|"; one within a name is written "\|". */
export function joinNames(names: readonly string[]): string {
  return names.map((name) => name.replaceAll(/[\\|]/g, "\\$&")).join("|");
}

/** The names that `joinNames` made a text of. */
export function splitNames(text: string): string[] {
  if (text === "") return [];
  return (text.match(/(?:^|\|)((?:[^\\|]|\\.)*)/g) ?? []).map((part) =>
    part.replace(/^\|/, "").replaceAll(/\\(.)/g, "$1")
  );
}
