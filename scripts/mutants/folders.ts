/** Which tests belong to a folder of the source, and which of them are the nearest to a file. */

export interface Folder {
  /** Folders of `wgsl/` whose kernels the folder dispatches. */
  readonly kernels?: readonly string[];
  /** Test files and folders, the most telling first. */
  readonly tests: readonly string[];
}

const OP_TABLE = "tests/ops/op_table_test.ts";

export const FOLDERS: Readonly<Record<string, Folder>> = {
  "src/gpu": { tests: ["tests/gpu", "tests/tensor", "tests/ops"] },
  "src/tensor": { tests: ["tests/tensor", "tests/ops"] },
  "src/ops": {
    kernels: [
      "attention",
      "ceilings",
      "dropout",
      "image",
      "indexing",
      "lib",
      "losses",
      "matmul",
      "metrics",
      "pointwise",
    ]
      .concat(["reduce", "rows", "shape"]),
    tests: ["tests/ops", "tests/tensor", "tests/gpu", "tests/nn"],
  },
  "src/nn": { tests: ["tests/nn", "tests/models", "tests/train"] },
  "src/models": { tests: ["tests/models", "tests/train", "tests/build"] },
  "src/optim": { kernels: ["optim"], tests: ["tests/optim", "tests/train"] },
  "src/io": { tests: ["tests/io", "tests/build", "tests/runs"] },
  "src/data": { tests: ["tests/data", "tests/build", "tests/app", "tests/cli", "tests/config"] },
  "src/train": { tests: ["tests/train", "tests/models", "tests/runs", "tests/cli"] },
  "src/build": { tests: ["tests/build", "tests/models", "tests/train", "tests/cli"] },
  "src/app": { tests: ["tests/app", "tests/cli"] },
  "src/cli": { tests: ["tests/cli", "tests/app", "tests/experiments"] },
  "src/base": { tests: ["tests/data", "tests/config", "tests/metrics", "tests/report"] },
  "src/runs": { tests: ["tests/runs", "tests/app", "tests/train", "tests/cli"] },
  "src/metrics": { tests: ["tests/metrics", "tests/train", "tests/experiments"] },
  "src/config": { tests: ["tests/config", "tests/cli", "tests/experiments"] },
  "src/experiments": { tests: ["tests/experiments"] },
  "src/tuning": { tests: ["tests/tuning"] },
  "src/report": { tests: ["tests/report"] },
};

/** The family of rows of the op table that a file named like this takes part in; the first that fits. */
const OP_FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/attention/, "attention"],
  [/gemm|matmul/, "matmul"],
  [/softmax|rows|norm|cosine|logsumexp/, "rows"],
  [/loss|contrast|entropy|pair/, "losses"],
  [/index|indices/, "indexing"],
  [/shape|cells/, "shape"],
  [/reduc/, "reduce"],
  [/dropout|philox/, "dropout"],
  [/image/, "image"],
  [/pointwise|arithmetic|gelu|broadcast|cast/, "pointwise"],
];

/** Arguments of `deno test` for the runs that tell of `file`, the nearest first; `tests` holds the text of each test. */
export function runsFor(
  file: string,
  folder: Folder,
  tests: ReadonlyMap<string, string>,
): string[][] {
  const own = [...tests.keys()].filter((path) =>
    folder.tests.some((test) => path === test || path.startsWith(`${test}/`))
  );
  const stem = file.match(/([^/]+)\.\w+$/)![1]!;
  const nearness = (path: string) => {
    if (path.includes(`/${stem}_`)) return 0;
    if (path === OP_TABLE) return 3;
    return tests.get(path)!.includes(`${file}"`) ? 1 : 2;
  };
  const place = (path: string) => folder.tests.findIndex((test) => path.startsWith(test));
  const sorted = own.toSorted((a, b) => nearness(a) - nearness(b) || place(a) - place(b));
  const near = sorted.filter((path) => nearness(path) < 2),
    far = sorted.filter((path) => nearness(path) >= 2);
  const family = OP_FAMILIES.find(([pattern]) => pattern.test(file))?.[1];
  return [
    ...(own.includes(OP_TABLE) && family ? [[OP_TABLE, "--filter", `${family} ops`]] : []),
    near,
    far,
  ].filter((run) => run.length > 0);
}
