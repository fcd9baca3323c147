/** Which tests belong to a folder of the source, and which of them are the nearest to a file. */

const OP_TABLE = "tests/ops/op_table_test.ts";

/** Test files and folders, the most telling first, where they are not `tests/NAME` for `src/NAME` alone. */
const TESTS: Readonly<Record<string, readonly string[]>> = {
  "src/gpu": ["tests/gpu", "tests/tensor", "tests/ops"],
  "src/tensor": ["tests/tensor", "tests/ops"],
  "src/ops": ["tests/ops", "tests/tensor", "tests/gpu", "tests/nn"],
  "src/nn": ["tests/nn", "tests/models", "tests/onnx", "tests/train"],
  "src/models": ["tests/models", "tests/onnx", "tests/train", "tests/build"],
  "src/optim": ["tests/optim", "tests/train"],
  "src/io": ["tests/io", "tests/hostile", "tests/build", "tests/runs", "tests/onnx"],
  "src/data": ["tests/data", "tests/hostile", "tests/build", "tests/app", "tests/cli", "tests/config"],
  "src/train": ["tests/train", "tests/models", "tests/runs", "tests/cli"],
  "src/build": ["tests/build", "tests/models", "tests/train", "tests/cli"],
  "src/app": ["tests/app", "tests/cli"],
  "src/cli": ["tests/cli", "tests/app", "tests/experiments"],
  "src/base": ["tests/data", "tests/config", "tests/metrics", "tests/report"],
  "src/runs": ["tests/runs", "tests/app", "tests/train", "tests/cli"],
  "src/metrics": ["tests/metrics", "tests/train", "tests/experiments"],
  "src/config": ["tests/config", "tests/cli", "tests/experiments"],
  "src/onnx": ["tests/onnx", "tests/export"],
};

/** The tests of a folder of the source, or of one in it. */
export function testsOf(folder: string): readonly string[] {
  const top = folder.split("/").slice(0, 2).join("/");
  return TESTS[top] ?? [top.replace("src", "tests")];
}

/** The folders of `wgsl/` whose kernels a folder of the source dispatches: `src/ops` all that no other does. */
export function kernelsOf(folder: string, all: readonly string[]): readonly string[] {
  const own = (name: string) => name === "optim" ? "src/optim" : "src/ops";
  return all.filter((name) => own(name) === folder);
}

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

/** Of paths, those that are one of `roots` or lie in one. */
export function within(paths: readonly string[], roots: readonly string[]): string[] {
  return paths.filter((path) => roots.some((root) => path === root || path.startsWith(`${root}/`)));
}

/**
 * Arguments of `deno test` for the runs that tell of `file`, the nearest first, and as they come where they are as near;
 * `tests` holds the text of each test.
 */
export function runsFor(
  file: string,
  folder: string,
  tests: ReadonlyMap<string, string>,
): string[][] {
  const own = [...tests.keys()];
  const stem = file.match(/([^/]+)\.\w+$/)![1]!;
  const nearness = (path: string) => {
    if (path.includes(`/${stem}_`)) return 0;
    if (path === OP_TABLE) return 3;
    return tests.get(path)!.includes(`${file}"`) ? 1 : 2;
  };
  const roots = testsOf(folder);
  const place = (path: string) => roots.findIndex((root) => path.startsWith(`${root}/`)) >>> 0; // others last
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
