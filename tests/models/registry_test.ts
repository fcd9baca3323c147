// Everything that differs from one encoder to another is asked of its type: no code tells encoders apart by their name
// or class. And what registries take from outside works like what they hold.
import assert from "node:assert/strict";
import { describeMethods } from "../../src/config/method_config.ts";
import { parseConfig, withSettings } from "../../src/config/run_config.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { defineEncoder, type Encoder, type SpecsOf } from "../../src/models/encoders/encoder.ts";
import { count, derived } from "../../src/models/encoders/fields.ts";
import {
  type DeviceInputs,
  type HostInputs,
  inputOf,
  uploadImage,
  uploadText,
} from "../../src/models/encoders/inputs.ts";
import { encoderTypes, registerEncoder } from "../../src/models/encoders/registry.ts";
import { DEPARTURES, SWITCHES } from "../../src/models/methods/contrast.ts";
import type { Method } from "../../src/models/methods/method.ts";
import { concatenation } from "../../src/models/methods/fusion.ts";
import { chooseMethod, methods, registerMethod } from "../../src/models/methods/registry.ts";
import { Embedding } from "../../src/nn/embedding.ts";
import { xavierNormal } from "../../src/nn/initializers.ts";
import { Linear } from "../../src/nn/linear.ts";
import type { ModulePath } from "../../src/nn/parameters.ts";
import { patchify } from "../../src/ops/image.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { mean } from "../../src/ops/reduce.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { Learner } from "../../src/train/learner.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyConfig, tinyData } from "../train/tiny.ts";
import { trained } from "../train/trained.ts";

/** What tells encoders apart without asking: a comparison of `model_type`, a switch on it, a test of classes. */
const COMPARISONS = [
  /model_?[tT]ype\s*[!=]==?/,
  /[!=]==?\s*[\w.?!]*model_?[tT]ype\b/,
  /switch\s*\([^)]*model_?[tT]ype/,
  /\bcase\s+"(?:vit|deit|bert|roberta|xlm-roberta|distilbert|electra|mpnet|deberta-v2|modernbert|mlp)"/,
  /instanceof\s+\(?(?:Vit|Bert|Mlp|VisionTransformer|TextTransformer)\b/,
  /[!=]==?\s*"(?:vit|deit|bert|roberta|xlm-roberta|distilbert|electra|mpnet|deberta-v2|modernbert|mlp)"/,
];
/** Finding a row by its name is what a registry is for; tokenizers and the peers of benchmarks share names with encoders. */
const EXEMPT = /^src\/models\/encoders\/registry\.ts$|^src\/data\/text\/|^scripts\/bench\/peers\//;

function* sources(folder: URL): Generator<{ path: string; text: string }> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const url = new URL(name + (isDirectory ? "/" : ""), folder);
    if (isDirectory) yield* sources(url);
    else if (name.endsWith(".ts")) yield { path: url.pathname, text: Deno.readTextFileSync(url) };
  }
}

Deno.test("no code tells encoders apart by their name or class", () => {
  const root = new URL("../../", import.meta.url);
  const faults: string[] = [];
  let files = 0;
  for (const folder of ["src/", "scripts/"]) {
    for (const { path, text } of sources(new URL(folder, root))) {
      files++;
      const name = path.slice(root.pathname.length);
      for (const [i, line] of text.split("\n").entries()) {
        const found = COMPARISONS.some((pattern) => pattern.test(line));
        if (found && !EXEMPT.test(name)) faults.push(`${name}:${i + 1}: ${line.trim()}`);
      }
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(files > 200, `found only ${files} files`);
});

Deno.test("the patterns find what would tell encoders apart", () => {
  const lines = [
    'if (config.model_type === "vit") return 1;',
    'const isRoberta = "roberta" !== encoder.model_type;',
    "if (encoder instanceof VisionTransformer) return 2;",
    "if (!(encoder instanceof Bert)) return 3;",
    "switch (settings.model_type) {",
    '    case "bert":',
    'const type = model_type == "mlp" ? 1 : 2;',
    'if (type === "deit") return 4;',
  ];
  for (const line of lines) assert.ok(COMPARISONS.some((pattern) => pattern.test(line)), line);
  const fine = 'encoders: { image: { model_type: "vit", hidden_size: 8 } }';
  assert.ok(!COMPARISONS.some((pattern) => pattern.test(fine)));
});

const INPUTS = { image: "image", text: "text" } as const;

/** A joint encoder as small as can be: the mean patch and the mean word, added. */
class Bag implements Encoder {
  readonly inputs = INPUTS;
  readonly hiddenSize: number;
  readonly #patch: number;
  readonly #specs: SpecsOf<typeof INPUTS>;
  readonly #patches: Linear;
  readonly #words: Embedding;

  constructor(path: ModulePath, width: number, patch: number, specs: SpecsOf<typeof INPUTS>) {
    this.hiddenSize = width;
    this.#patch = patch;
    this.#specs = specs;
    this.#patches = new Linear(path.at("patches"), 3 * patch ** 2, width, { initializer: xavierNormal });
    this.#words = new Embedding(path.at("words"), specs.text.vocabularySize, width, { std: 0.1 });
  }

  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    return {
      image: uploadImage(gpu, inputOf(inputs, "image", "image")),
      text: uploadText(gpu, inputOf(inputs, "text", "text"), this.#specs.text),
    };
  }

  represent(inputs: DeviceInputs): Tensor {
    const { pixels } = inputOf(inputs, "image", "image");
    const { ids } = inputOf(inputs, "text", "text");
    return scope(() => {
      const patches = this.#patches.forward(patchify(pixels, this.#patch, this.#specs.image));
      return add(mean(patches, { axes: [1] }), mean(this.#words.forward(ids), { axes: [1] }));
    });
  }
}

const bag = defineEncoder({
  model_type: "bag",
  title: "a bag",
  inputs: INPUTS,
  fields: { hidden_size: count(8), patch_size: count(4), image_size: derived(count(8)) },
  multiples: [["image_size", "patch_size"]],
  representation: "mean patch and mean word, added",
  fromData: ({ image }) => ({ image_size: image.height }),
  build: (path, { hidden_size, patch_size }, specs) => new Bag(path, hidden_size, patch_size, specs),
});

const FEW = { train: 24, validation: 6, test: 6 };
const JOINT = { model_type: "bag", hidden_size: 8, patch_size: 4 };
const jointConfig = (encoders: object, ...settings: string[]) =>
  tinyConfig(`model.encoders=${JSON.stringify(encoders)}`, "training.epochs=2", ...settings);

Deno.test("a joint encoder of one's own is configured, planned, trained and tested like any other", async () => {
  assert.throws(() => jointConfig({ joint: JOINT }, "method=joint"), /"model.encoders.joint.model_type"/);
  registerEncoder(bag);
  assert.throws(() => registerEncoder(bag), /Cannot register an encoder "bag"/);

  const alone = await trained(jointConfig({ joint: JOINT }, "method=joint"), tinyData(FEW));
  assert.deepEqual(
    [...alone.weights.keys()].filter((name) => !name.startsWith("heads.")).sort(),
    ["joint.patches.bias", "joint.patches.weight", "joint.words.weight"],
  );
  assert.deepEqual(Object.keys(alone.records[0]!.training_loss), ["total", "joint"]);

  // Beside encoders of single modalities it stands for a modality of its own.
  const { image, text } = tinyConfig().model.encoders;
  const beside = await trained(jointConfig({ image, text, joint: JOINT }), tinyData(FEW));
  assert.deepEqual(Object.keys(beside.test.evaluation.accuracy), ["image", "text", "joint", "fusion"]);
  assert.deepEqual(Object.keys(beside.test.evaluation.pairs), ["image-text", "image-joint", "text-joint"]);
});

Deno.test("the modalities of a joint encoder go by their names, or as the configuration says", async () => {
  const build = async (encoders: object, ...settings: string[]) => {
    const config = jointConfig(encoders, ...settings);
    new Learner(await openTestGpu(), config, tinyData(FEW)).dispose();
  };
  await build({ joint: { ...JOINT, inputs: { image: "image", text: "text" } } }, "method=joint");
  const refusals: [object, string, RegExp][] = [
    [
      { ...JOINT, inputs: { text: "title" } },
      "joint",
      /"model.encoders.joint.inputs.text" is "title".*image, text/,
    ],
    [
      { ...JOINT, inputs: { text: "image" } },
      "joint",
      /"model.encoders.joint.model_type" is bag, which takes no image/,
    ],
    [{ ...JOINT, inputs: { title: "text" } }, "joint", /unknown key "model.encoders.joint.inputs.title"/],
    [
      { ...JOINT, patch_size: 3 },
      "joint",
      /"data.image_size" must be a multiple of "model.encoders.joint.patch_size"/,
    ],
    [{ ...JOINT, frozen: 1 }, "joint", /"model.encoders.joint.frozen" must be true or false, got 1/],
    [
      { ...JOINT, pretrained: { source: "x", commit: null } },
      "joint",
      /unknown key "model.encoders.joint.pretrained"/,
    ],
    [JOINT, "agg-mm", /Cannot fuse 1 modalities \(joint\)/],
  ];
  for (const [joint, method, message] of refusals) {
    await assert.rejects(build({ joint }, `method=${method}`), message);
  }
});

Deno.test("a method of one's own is taken by name, and as it is", async () => {
  const own: Method = {
    name: "twice",
    description: "the fused loss alone",
    fusion: { ...concatenation, fuse: (all) => concatenation.fuse(all.map((x) => add(x, x))) },
    unimodalHeadsAreProbes: true,
  };
  assert.equal(chooseMethod(own, ["a", "b"]).method, own);
  assert.throws(() => tinyConfig("method=twice"), /"method" must be one of/);
  registerMethod(own);
  assert.throws(() => registerMethod(own), /Cannot register a method "twice"/);
  const { test } = await trained(tinyConfig("method=twice", "training.epochs=1"), tinyData(FEW));
  assert.deepEqual(Object.keys(test.evaluation.accuracy), ["image", "text", "fusion"]);
});

Deno.test("every switch and every departure of losses is heeded by a method, and by none that knows it not", () => {
  const heeded = (part: "switches" | "departures") =>
    new Set(methods().flatMap((method) => method[part] ?? []));
  assert.deepEqual(heeded("switches"), new Set(Object.keys(SWITCHES)));
  assert.deepEqual(heeded("departures"), new Set(Object.keys(DEPARTURES)));
  for (const { name, switches = [] } of methods()) {
    for (const [key, { idle }] of Object.entries(SWITCHES)) {
      const set = () => withSettings(PRESETS.emoji, [`method=${name}`, `model.${key}=${!idle}`]);
      if ((switches as readonly string[]).includes(key)) {
        assert.equal(set().model[key as keyof typeof SWITCHES], !idle);
      } else assert.throws(set, new RegExp(`"model.${key}" must be ${idle} where "method" is ${name}`));
    }
  }
});

Deno.test("the help of the command line describes every method", () => {
  for (const { name, description } of methods()) {
    const line = describeMethods().split("\n").find((one) => one.trim().startsWith(`${name} `));
    assert.ok(line?.endsWith(`  ${description}`), name);
  }
});

Deno.test("what an encoder says of its fields is what configurations take", () => {
  for (const { model_type, fields, configure } of encoderTypes()) {
    const keys = Object.entries(fields).filter(([, { setting }]) => setting === "required").map(([key]) =>
      key
    );
    const settings = Object.fromEntries(keys.map((key) => [key, fields[key]!.default]));
    const parse = (more: object) => {
      const copy = structuredClone(PRESETS.emoji);
      copy.model.encoders.image = { frozen: false, ...settings, model_type, ...more };
      return parseConfig({ ...copy, data: { ...copy.data, image_size: 224 } }, "copy").model.encoders.image!;
    };
    assert.deepEqual(parse({}), { ...settings, model_type, frozen: false });
    for (const [key, { type, minimum, setting }] of Object.entries(fields)) {
      if (setting === "derived") assert.throws(() => parse({ [key]: 1 }), /unknown key/, key);
      else {assert.throws(() =>
          parse({ [key]: "nonsense" }), new RegExp(`"model.encoders.image.${key}" must be`));}
      if (setting === "optional") {
        assert.equal(parse({ [key]: fields[key]!.default })[key], fields[key]!.default);
      }
      if (type !== "whole" || setting === "derived") continue;
      assert.throws(() => parse({ [key]: minimum! - 1 }), new RegExp(`must be at least ${minimum}`), key);
      assert.throws(() => configure({ [key]: minimum! - 1 }), new RegExp(`at least ${minimum}`), key);
    }
  }
});
