/** The cache of tuned plans: what is written is what is used, and nothing else is. */
import assert from "node:assert/strict";
import { tuningLines } from "../../src/cli/tune.ts";
import { candidatePlans, tunedPlans } from "../../src/ops/gemm_plan.ts";
import { nameOfShape, recordShapes } from "../../src/ops/gemm_shape.ts";
import type { Tuned } from "../../src/tuning/measure_plans.ts";
import { planMemory, settleMicroBatch } from "../../src/train/memory_plan.ts";
import { describePlans, loadPlans, planFile, savePlans } from "../../src/tuning/plan_cache.ts";
import { openTestGpu } from "../open_gpu.ts";
import { device, shapeOf } from "../ops/gemm_shapes.ts";
import { tinyConfig, tinyData } from "../train/tiny.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 20, validation: 4, test: 4 });
const config = settleMicroBatch(gpu, tinyConfig(), data);
const shapes = recordShapes(() => void planMemory(gpu, config, data));

/** As if measured: the last candidate of each shape took half the time of the default. */
const tuned: Tuned[] = shapes.map(({ shape }) => {
  const plans = candidatePlans(gpu, shape);
  const times = { milliseconds: 0.5, defaultMilliseconds: 1 };
  return { shape, plan: plans.at(-1)!, candidates: plans.length, wrong: [], ...times };
});

function refuse(message: string): never {
  throw new Error(`unexpected note: ${message}`);
}

async function withFolder(body: (folder: string) => unknown): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a training step has products forward, and two backward for each weight", () => {
  const count = (part: string) => shapes.filter(({ shape }) => nameOfShape(shape).includes(part)).length;
  assert.ok(count(" NT") > 3 && count(" NN") > 3 && count(" TN") > 3);
  assert.ok(shapes.some(({ calls }) => calls > 1));
});

Deno.test("savePlans() and loadPlans() keep plans for this device, and later ones go before earlier ones", () =>
  withFolder((folder) => {
    assert.equal(loadPlans(folder, gpu, refuse).size, 0);
    savePlans(folder, gpu, tuned.slice(0, 4), refuse);
    const path = savePlans(folder, gpu, tuned.slice(2), refuse);
    assert.equal(path, planFile(folder, gpu));
    const plans = loadPlans(folder, gpu, refuse);
    assert.equal(plans.size, tuned.length);
    for (const { shape, plan } of tuned) assert.deepEqual(plans.get(nameOfShape(shape)), plan);

    const [first] = tuned;
    savePlans(folder, gpu, [{ ...first!, plan: candidatePlans(gpu, first!.shape)[0]! }], refuse);
    const changed = loadPlans(folder, gpu, refuse);
    assert.deepEqual(changed.get(nameOfShape(first!.shape)), candidatePlans(gpu, first!.shape)[0]);
    const described = [plans, changed].map((plans) => {
      const device = { slots: new Map() };
      tunedPlans.set(device, plans);
      return describePlans(device)!;
    });
    assert.equal(described[0]!.shapes, tuned.length);
    assert.notEqual(described[0]!.sha256, described[1]!.sha256);
    assert.equal(describePlans({ slots: new Map() }), undefined);
  }));

Deno.test("loadPlans() gives plans for GPUs with all their fields", () =>
  withFolder((folder) => {
    const other = { ...device("gpu", 49152, 1024), identity: "a GPU" };
    const shape = shapeOf({ m: 64, n: 768, k: 768 });
    const plan = candidatePlans(other, shape).at(-1)!;
    const times = { milliseconds: 0.5, defaultMilliseconds: 1 };
    savePlans(folder, other, [{ shape, plan, candidates: 2, wrong: [], ...times }], refuse);
    assert.deepEqual([...loadPlans(folder, other, refuse).values()], [plan]);
  }));

Deno.test("a cache that is damaged or foreign is ignored, with a note that names the file", () =>
  withFolder((folder) => {
    const path = savePlans(folder, gpu, tuned, refuse);
    const text = Deno.readTextFileSync(path);
    const changed = (
      change: (file: Record<string, unknown> & { plans: Record<string, unknown>[] }) => void,
    ) => {
      const file = JSON.parse(text);
      change(file);
      return JSON.stringify(file);
    };
    const cases: Record<string, [content: string, expected: RegExp]> = {
      "cut short": [text.slice(0, text.length / 2), /valid JSON/],
      "empty": ["", /valid JSON/],
      "something else": ['{"plans": []}', /damaged/],
      "another driver": [
        changed((file) => file.adapter = "other | driver 2"),
        /another adapter or driver.*driver 2/,
      ],
      "another class": [changed((file) => file.adapter_class = "gpu"), /another adapter/],
      "other kernels": [changed((file) => file.kernels = "0123"), /another version/],
      "a plan that is none": [
        changed(({ plans }) =>
          plans[0]!.plan = { form: "lanes", rows: 5, columns: 1, operands: "storage", splits: 1 }
        ),
        /no valid plan for/,
      ],
      "a size that is none": [changed(({ plans }) => (plans[0]!.shape as { m: number }).m = -1), /damaged/],
    };
    for (const [name, [content, expected]] of Object.entries(cases)) {
      Deno.writeTextFileSync(path, content);
      const notes: string[] = [];
      assert.equal(loadPlans(folder, gpu, (note) => notes.push(note)).size, 0, name);
      assert.equal(notes.length, 1, name);
      assert.ok(notes[0]!.includes(path) && notes[0]!.includes("unis tune"), notes[0]);
      assert.match(notes[0]!, expected);
      // The next tuning puts things right.
      savePlans(folder, gpu, tuned.slice(0, 1), () => {});
      assert.equal(loadPlans(folder, gpu, refuse).size, 1, name);
    }
  }));

Deno.test("plans by matrix units are kept for an adapter that has them, and for no other", () =>
  withFolder((folder) => {
    const matrixUnits = [{ m: 16, n: 8, k: 16, subgroup: 32 }];
    const like = { ...device("gpu", 49152, 1024), identity: "GPU" };
    const shape = shapeOf({ m: 197, n: 768, k: 768, dtype: "f16" });
    const [plan] = candidatePlans({ ...like, matrixUnits }, shape);
    assert.equal(plan!.form, "matrix");
    const times = { milliseconds: 0.5, defaultMilliseconds: 1 };
    const one: Tuned = { shape, plan: plan!, candidates: 1, wrong: [], ...times };
    savePlans(folder, { ...like, matrixUnits }, [one], refuse);
    assert.deepEqual(loadPlans(folder, { ...like, matrixUnits }, refuse).get(nameOfShape(shape)), plan);
    const notes: string[] = [];
    assert.equal(loadPlans(folder, like, (note) => notes.push(note)).size, 0);
    assert.match(notes[0]!, /has no valid plan for 197×768×768 NN f16/);
    assert.match(tuningLines([one], [1])[2]!, / matrix \d+×\d+, \d+×\d+ each by 16×8×16, k by (16|32), /);
  }));

Deno.test("tuningLines() shows every shape, its gain, and what a micro-batch gains", () => {
  const { shape } = tuned[0]!;
  const big = { ...shape, m: 1000, n: 1000, k: 500 };
  const lines = tuningLines([
    { ...tuned[0]!, shape: big, milliseconds: 10, defaultMilliseconds: 30 },
    { ...tuned[1]!, milliseconds: 5, defaultMilliseconds: 5 },
  ], [2, 3]);
  assert.match(lines[2]!, /^1000×500×1000 NT bias +2 +\d+ +30\.000 +10\.000 +100\.0 +3\.00× +lanes/);
  assert.match(lines[3]!, / 5\.000 +5\.000 .* - +lanes/);
  assert.match(lines.at(-1)!, /: 75\.0 ms .* 35\.0 ms tuned \(2\.14×\)$/);
});
