/** What the checkpoints of a run refuse: files that are damaged, and weights and moments that are not finite. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { Random } from "../../src/base/random.ts";
import { safetensorsParts } from "../../src/io/safetensors.ts";
import { RunFiles } from "../../src/runs/run_files.ts";
import {
  type Arrays,
  beginning,
  RunCheckpoints,
  temperaturesOf,
  type TrainingState,
} from "../../src/runs/run_checkpoints.ts";
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
    // Of the beginning, with the header, and as many again of the whole.
    const places = [
      ...Array(100).keys(),
      ...Array.from({ length: 100 }, () => Math.floor(bytes.length * random.uniform())),
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

Deno.test("a refusal names eight of the tensors that are not finite, and how many more", () => {
  using folder = temporaryFolder();
  const checkpoints = save(folder.path);
  const many = (count: number): Arrays =>
    new Map(Array.from({ length: count }, (_, i) => [`w${i}`, { shape: [1], data: Float32Array.of(NaN) }]));
  const eight = "w0, w1, w2, w3, w4, w5, w6, w7";
  assert.ok(refusal(() => checkpoints.saveBest(many(8), 1, 1)).includes(`is in ${eight}. `));
  assert.ok(refusal(() => checkpoints.saveBest(many(9), 1, 1)).includes(`is in ${eight} and 1 more. `));
});

Deno.test("states that earlier versions wrote are read with the values that they had", () => {
  using folder = temporaryFolder();
  const checkpoints = new RunCheckpoints(new RunFiles(folder.path));
  const { validations: _, records: __, recorded_step: ___, epoch_input_wait: ____, ...older } = STATE;
  const write = (value: unknown) => new RunFiles(folder.path).writeJson("checkpoints/last.json", value);
  write({ ...older, best: { epoch: 2, accuracy: 0.5 } });
  const read = { ...older, validations: 3, records: 3, recorded_step: 0, epoch_input_wait: 0 };
  assert.deepEqual(checkpoints.lastState(), { ...read, best: { epoch: 2, validation: 2, score: 0.5 } });
  write({ ...older, best: null });
  assert.deepEqual(checkpoints.lastState(), { ...read, best: null });
  for (
    const [key, value] of Object.entries({
      version: 2,
      epoch: -1,
      batch: 0.5,
      step: -1,
      validations: -1,
      records: -1,
      recorded_step: -1,
      best: { epoch: 0, score: 1 },
      ended: "never",
      seconds: null,
      more: 1,
    })
  ) {
    write({ ...STATE, [key]: value });
    assert.match(refusal(() => checkpoints.lastState()), /last\.json is not a state of training: /, key);
  }
});

Deno.test("before the first step nothing has been done", () => {
  const plateau = { best: null, bad: 0, cooldown: 0 };
  const { version, plateau: own, learning_rates, best, ended, ...counts } = beginning(plateau);
  assert.deepEqual({ version, own, learning_rates, best, ended }, {
    version: 1,
    own: plateau,
    learning_rates: {},
    best: null,
    ended: null,
  });
  assert.deepEqual(
    counts,
    Object.fromEntries(
      ["epoch", "batch", "step", "validations", "records", "recorded_step"]
        .concat("seconds", "epoch_seconds", "epoch_input_wait").map((name) => [name, 0]),
    ),
  );
  using folder = temporaryFolder();
  const checkpoints = new RunCheckpoints(new RunFiles(folder.path));
  checkpoints.saveLast({ weights: arrays(), optimizer: optimizer(), state: beginning(plateau) });
  assert.deepEqual(checkpoints.lastState(), beginning(plateau));
});

Deno.test("the best weights say of what epoch and score they are, and are missed where they are gone", () => {
  using folder = temporaryFolder();
  const checkpoints = new RunCheckpoints(new RunFiles(folder.path));
  assert.equal(checkpoints.hasBest, false);
  assert.match(
    refusal(() => checkpoints.openBest()),
    /There is no .*best\.safetensors: the run has not finished/,
  );
  checkpoints.saveBest(arrays(), 2, 0.5, "macro_f1");
  assert.equal(checkpoints.hasBest, true);
  const metadata = () => {
    using file = checkpoints.openBest();
    return Object.fromEntries(file.metadata);
  };
  assert.deepEqual(metadata(), { epoch: "2", validation_macro_f1: "0.5" });
  checkpoints.saveBest(arrays(), 2, 0.5, "accuracy", { text: 2 });
  assert.deepEqual(metadata(), { epoch: "2", validation_accuracy: "0.5", temperatures: '{"text":2}' });
  checkpoints.saveLast({ weights: arrays(), optimizer: optimizer(), state: STATE });
  Deno.removeSync(checkpoints.best);
  assert.equal(checkpoints.hasBest, false);
  assert.match(
    refusal(() => checkpoints.loadBest()),
    /best\.safetensors is gone.* or do without it, for the last/,
  );
  Deno.writeTextFileSync(checkpoints.best, "");
  assert.match(
    refusal(() => checkpoints.hasBest),
    /best\.safetensors is damaged.* or remove it, for the last/,
  );
});

Deno.test("temperatures that are none are refused", () => {
  const read = (text?: string) =>
    temperaturesOf({
      path: "a.safetensors",
      metadata: new Map(text === undefined ? [] : [["temperatures", text]]),
    });
  assert.deepEqual(read(), {});
  assert.deepEqual(read('{"fusion":0.5}'), { fusion: 0.5 });
  for (const text of ['{"fusion":0}', '{"fusion":"1"}', "[1]"]) {
    assert.ok(refusal(() => read(text)).includes(`a.safetensors has temperatures that are none: ${text}`));
  }
});

Deno.test("optimizer and weights of another step than the state are refused", () => {
  using folder = temporaryFolder();
  const checkpoints = save(folder.path);
  for (const name of ["last.safetensors", "last.optimizer.safetensors"]) {
    new RunFiles(folder.path).write(`checkpoints/${name}`, safetensorsParts({}, { step: "8" }));
    assert.ok(refusal(() => checkpoints.loadLast()).includes(`${name} is of step 8, but last.json of 9`));
    checkpoints.saveLast({ weights: arrays(), optimizer: optimizer(), state: STATE });
  }
});
