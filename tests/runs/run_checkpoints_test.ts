/** What the checkpoints of a run refuse: files that are damaged, and weights and moments that are not finite. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { Random } from "../../src/base/random.ts";
import { safetensorsParts } from "../../src/io/safetensors.ts";
import { RunFiles } from "../../src/runs/run_files.ts";
import { type Arrays, RunCheckpoints, type TrainingState } from "../../src/runs/run_checkpoints.ts";
import { temporaryFolder } from "../io/crafted.ts";

const random = new Random(3);
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  "text.a": [40, 3],
  "text.b": [17],
  "heads.x": [5, 8],
};

function arrays(prefix = ""): Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }> {
  return new Map(
    Object.entries(SHAPES).map(([name, shape]) => [
      prefix + name,
      { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.uniform()) },
    ]),
  );
}

const optimizer = (): Arrays => new Map([...arrays("first."), ...arrays("second.")]);

const STATE: TrainingState = {
  version: 1,
  epoch: 3,
  batch: 0,
  step: 9,
  plateau: { best: 0.5, bad: 1, cooldown: 0 },
  learning_rates: { heads: 0.1 },
  best: { epoch: 2, validation: 2, score: 0.5 },
  validations: 2,
  records: 2,
  recorded_step: 0,
  ended: null,
  seconds: 1.5,
  epoch_seconds: 0.5,
  epoch_input_wait: 0.25,
};

function save(folder: string): RunCheckpoints {
  const checkpoints = new RunCheckpoints(new RunFiles(folder));
  checkpoints.saveBest(arrays(), 2, 0.5);
  checkpoints.saveLast({ weights: arrays(), optimizer: optimizer(), state: STATE });
  return checkpoints;
}

const load = {
  "best.safetensors": (checkpoints: RunCheckpoints) => checkpoints.loadBest(),
  "last.safetensors": (checkpoints: RunCheckpoints) => checkpoints.loadLast(),
  "last.optimizer.safetensors": (checkpoints: RunCheckpoints) => checkpoints.loadLast(),
  "last.json": (checkpoints: RunCheckpoints) => checkpoints.lastState(),
};

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  assert.fail("nothing was refused");
}

for (const [name, read] of Object.entries(load)) {
  Deno.test(`a changed byte of ${name} is noticed, wherever it is, and the rest can be read`, () => {
    using folder = temporaryFolder();
    const checkpoints = save(folder.path);
    const path = join(folder.path, "checkpoints", name);
    const bytes = Deno.readFileSync(path);
    // All of the header with the checksum, and as many again of the whole.
    const places = [
      ...Array(400).keys(),
      ...Array.from({ length: 400 }, () => Math.floor(bytes.length * random.uniform())),
    ];
    for (const place of places.filter((place) => place < bytes.length)) {
      const changed = bytes.slice();
      changed[place]! ^= 1 << Math.floor(8 * random.uniform());
      Deno.writeFileSync(path, changed);
      const message = refusal(() => read(checkpoints));
      assert.ok(message.includes(`${path} is damaged`), `byte ${place}: ${message}`);
      assert.match(
        message,
        name === "best.safetensors" ? /last checkpoint .* whole.*--resume/ : /best.*is whole/,
      );
      assert.doesNotMatch(message, /\n/);
    }
    for (const other of Object.keys(load) as (keyof typeof load)[]) {
      if (other.startsWith("best") !== name.startsWith("best")) load[other](checkpoints);
    }
    Deno.writeFileSync(path, bytes);
    read(checkpoints);
  });
}

Deno.test("a file that is cut short or longer is damaged too, and where all are, none is said to be whole", () => {
  using folder = temporaryFolder();
  const checkpoints = save(folder.path);
  for (const name of Object.keys(load)) {
    const path = join(folder.path, "checkpoints", name);
    const bytes = Deno.readFileSync(path);
    for (const cut of [bytes.subarray(0, -1), Uint8Array.of(...bytes, 0)]) {
      Deno.writeFileSync(path, cut);
      assert.match(refusal(() => load[name as keyof typeof load](checkpoints)), /is damaged/, name);
    }
  }
  assert.match(refusal(() => checkpoints.loadBest()), /Restore it from a copy, or train again$/);
  assert.match(refusal(() => checkpoints.lastState()), /Restore it from a copy, or train again$/);
});

/** The same arrays with one value replaced. */
function spoiled(whole: Arrays, name: string, value: number): Arrays {
  const { shape, data } = whole.get(name)!;
  return new Map([...whole, [name, { shape, data: data.with(data.length - 1, value) }]]);
}

Deno.test("weights and moments that are not finite are not saved, and what there is stays", () => {
  using folder = temporaryFolder();
  const checkpoints = save(folder.path);
  const before = Object.keys(load).map((name) => Deno.readFileSync(join(folder.path, "checkpoints", name)));
  const weights = spoiled(arrays(), "text.b", NaN);
  const moments = spoiled(spoiled(optimizer(), "second.heads.x", Infinity), "first.text.a", -Infinity);
  assert.match(
    refusal(() => checkpoints.saveBest(weights, 4, 1)),
    /best\.safetensors: NaN or infinity is in text\.b\./,
  );
  const saveLast = (snapshot: { weights?: Arrays; optimizer?: Arrays }) => () =>
    checkpoints.saveLast({ weights: arrays(), optimizer: optimizer(), state: STATE, ...snapshot });
  assert.match(refusal(saveLast({ weights })), /last\.safetensors: .* text\.b\. Training has diverged$/);
  assert.match(
    refusal(saveLast({ optimizer: moments })),
    /optimizer\.safetensors: .* first\.text\.a, second\.heads\.x\./,
  );
  const after = Object.keys(load).map((name) => Deno.readFileSync(join(folder.path, "checkpoints", name)));
  assert.deepEqual(after, before);
  // Sums of losses may: a step whose loss overflows in f16 is skipped.
  saveLast({ optimizer: new Map([...optimizer(), ["sums", { shape: [1], data: Float32Array.of(NaN) }]]) })();
  assert.deepEqual(checkpoints.loadLast()!.optimizer.get("sums")!.data, Float32Array.of(NaN));
});

Deno.test("checkpoints that hold NaN or infinity are not loaded, whoever wrote them", () => {
  using folder = temporaryFolder();
  const checkpoints = save(folder.path);
  const overwrite = (name: string, arrays: Arrays, metadata: Record<string, string>) => {
    const tensors = Array.from(
      arrays,
      ([name, { shape, data }]) => [name, { dtype: "F32", shape, data }] as const,
    );
    new RunFiles(folder.path).write(
      `checkpoints/${name}`,
      safetensorsParts(Object.fromEntries(tensors), metadata),
    );
  };
  overwrite("best.safetensors", spoiled(arrays(), "text.a", NaN), { epoch: "2" });
  assert.match(
    refusal(() => checkpoints.loadBest()),
    /best\.safetensors: NaN or infinity is in text\.a\..*--resume/,
  );
  overwrite("last.optimizer.safetensors", spoiled(optimizer(), "first.text.b", Infinity), { step: "9" });
  assert.match(refusal(() => checkpoints.loadLast()), /last\.optimizer\.safetensors: .* first\.text\.b\./);
  overwrite("last.safetensors", spoiled(arrays(), "heads.x", -Infinity), { step: "9" });
  assert.match(refusal(() => checkpoints.loadLast()), /last\.safetensors: .* heads\.x\./);
});
