/** Samples that lack modalities: losses and gradients against float64, and what an encoder sees of them. */
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { presenceOf } from "../../src/models/encoders/optional.ts";
import type { HostInput } from "../../src/models/encoders/inputs.ts";
import { encoderTypes } from "../../src/models/encoders/registry.ts";
import { computeLosses } from "../../src/models/methods/compute_losses.ts";
import { softmaxRows } from "../../src/metrics/metrics.ts";
import { chooseMethod, methods } from "../../src/models/methods/registry.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import type { ModulePath } from "../../src/nn/parameters.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { capture, scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { drawInput, SMALL, SPECS, specsOf } from "./small_encoders.ts";

const gpu = await openTestGpu();
const NAMES = ["a", "b", "c"];
const [BATCH, WIDTH, CLASSES] = [7, 4, 3];
const [TAU, LAMBDA] = [0.3, 0.7];

type Rows = number[][];
/** The representations and the logits of three modalities, and the fused logits, of a batch. */
type State = { r: Rows[]; logits: Rows[]; fused: Rows };

const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
const cosine = (x: number[], y: number[]) => dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
const logSumExp = (x: number[]) => Math.log(x.reduce((sum, value) => sum + Math.exp(value), 0));
const isRight = (logits: number[], label: number) => logits.indexOf(Math.max(...logits)) === label;
const mean = (x: number[]) => x.length === 0 ? 0 : x.reduce((sum, value) => sum + value, 0) / x.length;

/** The loss of a method in float64, written out sample by sample; where the contrast detaches, `held` stands for the state. */
function oracle(method: string, state: State, held: State, present: number[][], labels: number[]): number {
  const { r, logits, fused } = state;
  const rows = labels.map((_, n) => n);
  const crossEntropy = (own: Rows, n: number) => logSumExp(own[n]!) - own[n]![labels[n]!]!;
  let loss = mean(rows.map((n) => crossEntropy(fused, n)));
  for (const m of [0, 1, 2]) {
    loss += rows.reduce((sum, n) => sum + (present[m]![n] ? crossEntropy(logits[m]!, n) : 0), 0) / BATCH;
  }
  for (const [a, b] of [[0, 1], [0, 2], [1, 2]] as const) {
    const both = rows.filter((n) => present[a]![n] && present[b]![n]);
    if (both.length === 0) continue;
    if (method === "unis-mmc") {
      const right = (m: number, n: number) => isRight(held.logits[m]![n]!, labels[n]!);
      const terms = both.map((n) => {
        const x = right(a, n) && !right(b, n) ? held.r[a]![n]! : r[a]![n]!;
        const y = right(b, n) && !right(a, n) ? held.r[b]![n]! : r[b]![n]!;
        return { attracted: right(a, n) || right(b, n), s: cosine(x, y) / TAU };
      });
      const attracted = terms.filter((term) => term.attracted).map(({ s }) => s);
      if (attracted.length === 0) continue;
      loss += LAMBDA * (logSumExp(terms.map(({ s }) => s)) - logSumExp(attracted));
    } else if (method !== "mt-mml") {
      const group = (n: number) => method === "sup-mmc" ? labels[n] : n;
      loss += LAMBDA * mean(both.map((i) => {
        const s = (j: number) => cosine(r[a]![i]!, r[b]![j]!) / TAU;
        const own = both.filter((j) => group(j) === group(i));
        return logSumExp(both.map(s)) - mean(own.map(s));
      }));
    }
  }
  return loss;
}

/** Gradients of the oracle by central differences, in the order of `flat`. */
function slopes(loss: (state: State) => number, state: State): number[] {
  const step = 1e-5;
  const at = (place: number, by: number) => {
    const moved = structuredClone(state);
    let left = place;
    for (const row of [...moved.r.flat(), ...moved.logits.flat(), ...moved.fused]) {
      if (left < row.length) {
        row[left]! += by;
        break;
      }
      left -= row.length;
    }
    return loss(moved);
  };
  return flat(state).map((_, i) => (at(i, step) - at(i, -step)) / (2 * step));
}

const flat = ({ r, logits, fused }: State) => [...r.flat(2), ...logits.flat(2), ...fused.flat()];

/** Which samples have a, b and c; every sample has one at least. */
const PATTERNS: Record<string, string[]> = {
  "some lack one, some two": ["1101101", "1011011", "0110101"],
  "nobody has c": ["1101101", "1011011", "0000000"],
  "nobody has two": ["1100000", "0011000", "0000111"],
  "all have all": ["1111111", "1111111", "1111111"],
};

for (const method of ["unis-mmc", "mt-mml", "sup-mmc", "unsup-mmc"]) {
  for (const [what, pattern] of Object.entries(PATTERNS)) {
    Deno.test(`${method} agrees with float64 where modalities are missing: ${what}`, async () => {
      const random = new Random(method.length + what.length);
      const draw = (rows: number, width: number) =>
        Array.from({ length: rows }, () => Array.from({ length: width }, () => random.between(-1, 1)));
      const state: State = {
        r: NAMES.map(() => draw(BATCH, WIDTH)),
        logits: NAMES.map(() => draw(BATCH, CLASSES)),
        fused: draw(BATCH, CLASSES),
      };
      const present = pattern.map((digits) => Array.from(digits, Number));
      const labels = Array.from({ length: BATCH }, () => Math.floor(random.between(0, CLASSES)));
      const chosen = chooseMethod(method, NAMES).method;

      const tensor = (rows: Rows) =>
        Tensor.from(gpu, Float32Array.from(rows.flat()), [BATCH, rows[0]!.length], true);
      const byName = (all: Rows[]) => Object.fromEntries(all.map((rows, m) => [NAMES[m]!, tensor(rows)]));
      const found = scope(() => {
        const outputs = {
          representations: byName(state.r),
          unimodalLogits: byName(state.logits),
          fusedLogits: tensor(state.fused),
        };
        const presence = Object.fromEntries(
          present.map((own, m) => [NAMES[m]!, presenceOf(gpu, Uint32Array.from(own))]),
        );
        const targets = Tensor.from(gpu, Uint32Array.from(labels), [BATCH]);
        const options = { temperature: TAU, contrastiveWeight: LAMBDA };
        const losses = computeLosses(chosen, { ...outputs, presence }, targets, options);
        backward(losses.objective);
        const inputs = [
          ...Object.values(outputs.representations),
          ...Object.values(outputs.unimodalLogits),
          outputs.fusedLogits,
        ];
        const { objective, pairs, right } = losses;
        return {
          objective,
          counts: pairs.map((pair) => pair.counts),
          right: Object.values(right),
          grads: inputs.map((x) => x.grad ?? null),
          names: pairs.map(({ a, b }) => a + b),
        };
      });
      const [objective] = await found.objective.read();
      const wanted = oracle(method, state, state, present, labels);
      assert.ok(Math.abs(objective! - wanted) < 1e-5, `${objective}, not ${wanted}`);

      const expected = slopes((moved) => oracle(method, moved, state, present, labels), state);
      let place = 0;
      const sizes = [...NAMES.map(() => WIDTH), ...NAMES.map(() => CLASSES), CLASSES];
      for (const [i, width] of sizes.entries()) {
        const grad = await found.grads[i]?.read() ?? new Float32Array(BATCH * width);
        for (const [k, value] of grad.entries()) {
          assert.ok(Math.abs(value - expected[place + k]!) < 1e-4, `${value}, not ${expected[place + k]}`);
        }
        place += grad.length;
      }

      // Counts of types of pairs, and of right answers, are those of the samples that are there.
      const right = (m: number, n: number) => isRight(state.logits[m]![n]!, labels[n]!);
      const rows = labels.map((_, n) => n);
      for (const [i, name] of found.names.entries()) {
        const [a, b] = Array.from(name, (one) => NAMES.indexOf(one)) as [number, number];
        const both = rows.filter((n) => present[a]![n] && present[b]![n]);
        const types = [[true, true], [true, false], [false, true], [false, false]];
        const own = types.map(([x, y]) => both.filter((n) => right(a, n) === x && right(b, n) === y).length);
        assert.deepEqual([...await found.counts[i]!.read()], own);
      }
      const known = NAMES.map((_, m) => rows.filter((n) => present[m]![n])).filter((own) => own.length > 0);
      assert.deepEqual(found.right.map(({ size }) => size), known.map(({ length }) => length));
      for (const one of [found.objective, ...found.counts, ...found.right, ...found.grads]) one?.dispose();
    });
  }
}

/** A model of an encoder of images by convolutions, with batch normalisation, and one of features. */
function smallModel(method: string, missing: "learned" | "zeros") {
  const parameters = new Parameters();
  const build = (type: string, kind: "image" | "features") => (path: ModulePath) => {
    const { inputs, configure, build, fromData, fields } = encoderTypes().find(({ model_type }) =>
      model_type === type
    )!;
    const specs = specsOf(inputs) as never;
    const own = Object.fromEntries(Object.entries(SMALL).filter(([name]) => name in fields));
    assert.equal(Object.values(inputs)[0], kind);
    return build(path, configure({ ...fromData(specs), ...own }) as never, specs);
  };
  const model = new MultimodalClassifier(parameters.root, {
    image: build("resnet", "image"),
    features: build("mlp", "features"),
  }, { method, missing, classifier: { classes: CLASSES, hidden_size: 8 }, projection: 8 });
  parameters.allocate(gpu, 1);
  return { model, parameters };
}

/** The samples of an input at some rows. */
function rowsOf(input: HostInput, rows: number[], batch: number): HostInput {
  const some = <T extends Uint8Array | Uint32Array | Float32Array>(all: T): T => {
    const width = all.length / batch;
    const parts = rows.flatMap((row) => [...all.subarray(row * width, (row + 1) * width)]);
    return (all.constructor as unknown as { from(x: number[]): T }).from(parts);
  };
  if (input.kind === "image") return { ...input, pixels: some(input.pixels) };
  if (input.kind === "features") return { ...input, values: some(input.values) };
  return { ...input, ids: some(input.ids), mask: some(input.mask) };
}

/** The loss and all gradients of a model for a batch, in training. */
async function learn(
  { model, parameters }: ReturnType<typeof smallModel>,
  batch: Record<string, HostInput>,
  labels: Uint32Array<ArrayBuffer>,
  training = true,
): Promise<{ loss: number; grads: Map<string, Float32Array> }> {
  parameters.zeroGrad();
  const loss = scope(() => {
    const targets = Tensor.from(gpu, labels, [labels.length]);
    const outputs = model.forward(model.upload(gpu, batch), { training });
    const { objective } = model.losses(outputs, targets);
    backward(objective);
    return objective;
  });
  const [value] = await loss.read();
  loss.dispose();
  const learned = [...parameters];
  const grads = await readTensors(learned.map(({ grad }) => grad)) as Float32Array[];
  return { loss: value!, grads: new Map(learned.map(({ name }, i) => [name, grads[i]!])) };
}

const LABELS = Uint32Array.of(0, 1, 2, 0, 1, 2);
const drawBatch = () => {
  const random = new Random(5);
  return {
    image: drawInput(SPECS.image, random, LABELS.length),
    features: drawInput(SPECS.features, random, LABELS.length),
  };
};

for (const method of methods().filter(({ skipsMissing }) => skipsMissing)) {
  Deno.test(`${method.name}: where nothing is missing, saying so changes no bit`, async () => {
    const small = smallModel(method.name, "learned");
    const batch = drawBatch();
    const present = new Uint32Array(LABELS.length).fill(1);
    const plain = await learn(small, batch, LABELS);
    const told = await learn(small, {
      image: { ...batch.image, present },
      features: { ...batch.features, present },
    }, LABELS);
    assert.equal(told.loss, plain.loss);
    for (const [name, grad] of plain.grads) assert.deepEqual(told.grads.get(name), grad, name);
    small.parameters.dispose();
  });
}

Deno.test("the loss of a step and its gradient are those of its micro-batches, whoever lacks what in them", async () => {
  const small = smallModel("mt-mml", "learned");
  const { image, features } = drawBatch();
  const has = { image: [1, 0, 1, 0, 0, 0], features: [0, 1, 1, 1, 1, 1] };
  const part = (from: number, to: number) => {
    const of = (input: HostInput, all: number[]) => {
      const rows = all.flatMap((one, row) => one && row >= from && row < to ? [row] : []);
      return { ...rowsOf(input, rows, LABELS.length), present: Uint32Array.from(all.slice(from, to)) };
    };
    const batch = { image: of(image, has.image), features: of(features, has.features) };
    return learn(small, batch, LABELS.slice(from, to), false);
  };
  const [whole, first, second] = [await part(0, 6), await part(0, 3), await part(3, 6)];
  assert.ok(Math.abs(whole.loss - (first.loss + second.loss) / 2) < 1e-6);
  for (const [name, grad] of whole.grads) {
    const [a, b] = [first.grads.get(name)!, second.grads.get(name)!];
    for (const [i, g] of grad.entries()) assert.ok(Math.abs(g - (a[i]! + b[i]!) / 2) < 1e-6, name);
  }
  small.parameters.dispose();
});

Deno.test("an encoder sees the samples that are there as if they were the batch, and the vector stands for others", async () => {
  const small = smallModel("late-fusion", "learned");
  const { image } = drawBatch();
  const vector = Float32Array.from({ length: small.model.encoders.image!.hiddenSize }, (_, i) => i + 1);
  small.parameters.write("heads.missing.image", vector);
  const present = Uint32Array.of(1, 0, 1, 1, 0, 0);
  const some = rowsOf(image, [0, 2, 3], LABELS.length);
  const encoder = small.model.encoders.image!;
  const [told, plain] = capture(() =>
    [{ ...some, present }, some].map((own) =>
      encoder.represent(encoder.upload(gpu, { image: own }), { training: true })
    )
  );
  const [all, those] = await readTensors([told!, plain!]);
  const width = encoder.hiddenSize;
  const row = (from: ArrayLike<number>, n: number) => Array.from(from).slice(n * width, (n + 1) * width);
  assert.deepEqual([0, 2, 3].map((n) => row(all!, n)), [0, 1, 2].map((n) => row(those!, n)));
  for (const n of [1, 4, 5]) assert.deepEqual(row(all!, n), [...vector]);
  for (const one of [told!, plain!]) one.dispose();
  small.parameters.dispose();
});

for (const missing of ["learned", "zeros"] as const) {
  Deno.test(`a batch in which nobody has the image leaves its encoder alone: ${missing}`, async () => {
    const small = smallModel("unis-mmc", missing);
    const { image, features } = drawBatch();
    const none = { ...rowsOf(image, [], LABELS.length), present: new Uint32Array(LABELS.length) };
    const { loss, grads } = await learn(small, { image: none, features }, LABELS);
    assert.ok(Number.isFinite(loss));
    for (const [name, grad] of grads) {
      assert.ok(grad.every(Number.isFinite), name);
      if (name.startsWith("image.") || name.startsWith("heads.image.")) {
        assert.ok(grad.every((g) => g === 0), name);
      }
    }
    assert.equal(grads.has("heads.missing.image"), missing === "learned");
    if (missing === "learned") assert.ok(grads.get("heads.missing.image")!.some((g) => g !== 0));
    small.parameters.dispose();
  });
}

Deno.test("late fusion averages the answers of the modalities that are there", async () => {
  const small = smallModel("late-fusion", "learned");
  const { image, features } = drawBatch();
  const present = Uint32Array.of(1, 0, 1, 1, 0, 0);
  const batch = { image: { ...rowsOf(image, [0, 2, 3], LABELS.length), present }, features };
  const { unimodalLogits, fusedLogits } = capture(() => {
    const { unimodalLogits, fusedLogits } = small.model.forward(small.model.upload(gpu, batch), {});
    return { unimodalLogits, fusedLogits: fusedLogits! };
  });
  const tensors = [unimodalLogits.image!, unimodalLogits.features!, fusedLogits];
  const [images, numbers, fused] = (await readTensors(tensors)).map((logits) =>
    softmaxRows(logits as Float32Array, CLASSES)
  );
  for (const [i, p] of numbers!.entries()) {
    const expected = present[Math.floor(i / CLASSES)] ? (images![i]! + p) / 2 : p;
    assert.ok(Math.abs(fused![i]! - expected) < 1e-6);
  }
  for (const tensor of tensors) tensor.dispose();
  small.parameters.dispose();
});

Deno.test("methods that cannot skip a modality say which can", () => {
  assert.throws(
    () => smallModel("m3col", "learned"),
    /"data\.missing" must be refuse where "method" is m3col: .*unis-mmc/,
  );
});
