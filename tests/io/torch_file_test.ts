// Files that torch.save made are read as it wrote them, whatever lies beside the weights.
import assert from "node:assert/strict";
import { openTorch } from "../../src/io/pytorch/torch_file.ts";
import { openSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "./crafted.ts";
import {
  global,
  int,
  latin1,
  legacy,
  stateDict,
  storage,
  tensor,
  torchEntries,
  torchZip,
  tuple,
  unicode,
  zip,
} from "./crafted_torch.ts";

const FIXTURES = new URL("../fixtures/pytorch/", import.meta.url).pathname;
/** Those that are views of `shared`, or of others, in another order. */
const VIEWS = ["transposed", "column", "steps", "swapped", "swapped_bf16"];

for (const name of ["1.13.0.bin", "1.13.0_legacy.bin", "2.6.0.bin", "2.6.0_legacy.bin"]) {
  Deno.test(`openTorch() reads ${name}, every dtype and view`, () => {
    using file = openTorch(FIXTURES + name);
    using expected = openSafetensors(`${FIXTURES}expected.safetensors`);
    assert.deepEqual([...file.tensors.keys()].sort(), [...expected.tensors.keys()].sort());
    for (const [name, { dtype, shape }] of expected.tensors) {
      const found = file.tensors.get(name)!;
      assert.deepEqual([found.dtype, found.shape], [dtype, shape], name);
      assert.equal(found.strides !== undefined, VIEWS.includes(name), name);
      assert.deepEqual(file.readTyped(name), expected.readTyped(name), name);
      assert.deepEqual(file.readBytes(name), expected.readBytes(name), name);
      if (/^(F|BF)/.test(dtype)) assert.deepEqual(file.readFloat32(name), expected.readFloat32(name), name);
      else assert.throws(() => file.readFloat32(name), UserError);
    }
    assert.deepEqual(file.readTyped("i64"), BigInt64Array.of(2n ** 40n));
    assert.throws(
      () => file.readBytes("absent"),
      (e) => e instanceof UserError && /"absent"/.test(e.message),
    );
  });
}

Deno.test("openTorch() finds the state dict among what a training script stores beside it", () => {
  using file = openTorch(`${FIXTURES}checkpoint.ckpt`);
  assert.deepEqual([...file.tensors.keys()], [
    "weight",
    "bias",
    "running_mean",
    "running_var",
    "num_batches_tracked",
  ]);
  assert.deepEqual(file.readTyped("num_batches_tracked"), BigInt64Array.of(2n));
  assert.ok(file.readFloat32("running_var").every((value) => Math.abs(value - 3.2005727) < 1e-6));
});

Deno.test("openTorch() reads dtypes that PyTorch got later", () => {
  using file = openTorch(`${FIXTURES}new_dtypes.pth`);
  assert.deepEqual(file.readTyped("u16"), Uint16Array.of(1, 65535));
  assert.equal(file.tensors.get("f8")!.dtype, "F8_E4M3");
});

const X = stateDict({ x: tensor() });
/** Files that are unusual and sound; each holds [1.5, -2] as `x`. */
const GOOD: [what: string, content: Uint8Array][] = [
  ["an archive", torchZip(X)],
  ["an archive in zip64", torchZip(X, undefined, { zip64: true })],
  ["an archive with a comment", torchZip(X, undefined, { comment: latin1("PK\x05\x06 is no end") })],
  [
    "another name of the folder",
    zip(torchEntries(X).map((entry) => ({ ...entry, name: entry.name.replace("archive", "my model (1)") }))),
  ],
  ["no byteorder, as before 2.1", zip(torchEntries(X).filter(({ name }) => !name.endsWith("byteorder")))],
  [
    "an unused storage",
    torchZip(X, { 0: new Uint8Array(Float32Array.of(1.5, -2).buffer), 1: new Uint8Array(3) }),
  ],
  ["the format before 1.6", legacy(X)],
  ["storages of a GPU", torchZip(stateDict({ x: tensor({ type: global("torch.cuda", "FloatStorage") }) }))],
  ["below state_dict", torchZip(stateDict({ epoch: int(3), state_dict: X.slice(2, -1) }))],
  ["below model", torchZip(stateDict({ model: X.slice(2, -1), y: tensor() }))],
  [
    "integers of no bytes, and of the most",
    torchZip(stateDict({ a: "\x8a\0", b: `\x8a\x20${"\x01".repeat(32)}`, x: tensor() })),
  ],
  ["entries that are no tensors", torchZip(stateDict({ a: "N", x: tensor(), b: unicode("text") }))],
  [
    "a name of the prototype beside",
    torchZip(stateDict({ ["__proto__"]: "N", x: tensor(), constructor: int(1) })),
  ],
  [
    "a function of Python 2's names",
    torchZip(stateDict({ a: `${global("__builtin__", "set")}${tuple(`](${int(1)}e`)}R`, x: tensor() })),
  ],
  [
    "numbers and texts as protocol 0 has them",
    torchZip("(dp0\n(S'a'\nI01\nL-7L\nF1.5e-3\nV\\u00e9\nl" + "0" + unicode("x") + tensor() + "s."),
  ],
  [
    "frames, and a memo without numbers",
    torchZip(`\x80\x04\x95\x10${"\0".repeat(7)}}\x94\x8c\x01x\x94${tensor()}\x94s.`),
  ],
  [
    "bytes alone, and their dtype",
    torchZip(stateDict({
      x: `${global("torch._utils", "_rebuild_tensor_v3")}(${
        storage({ type: global("torch.storage", "UntypedStorage"), length: int(8) })
      }${int(0)}${tuple(int(2))}${tuple(int(1))}\x89N${global("torch", "float32")}tR`,
    })),
  ],
  [
    "a parameter with a state",
    torchZip(
      stateDict({
        x: `${global("torch._utils", "_rebuild_parameter_with_state")}${tuple(tensor(), "\x89", "N", "}")}R`,
      }),
    ),
  ],
  [
    "a tensor with attributes",
    torchZip(stateDict({
      x: `${global("torch._tensor", "_rebuild_from_type_v2")}(${global("torch._utils", "_rebuild_tensor")}${
        global("torch.nn.parameter", "Parameter")
      }${tuple(storage(), int(0), tuple(int(2)), tuple(int(1)))}}tR`,
    })),
  ],
];

Deno.test("openTorch() accepts what is unusual and sound", () => {
  using folder = temporaryFolder();
  for (const [i, [what, content]] of GOOD.entries()) {
    const path = `${folder.path}/${i}.pth`;
    Deno.writeFileSync(path, content);
    using file = openTorch(path);
    assert.deepEqual(file.readFloat32("x"), Float32Array.of(1.5, -2), what);
    assert.equal(file.tensors.size, 1, what);
  }
});
