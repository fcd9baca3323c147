/** Fields of configurations: the values each kind takes, to its bounds, and what it says of others. */
import assert from "node:assert/strict";
import { UserError } from "../../src/base/user_error.ts";
import {
  choice,
  count,
  derived,
  type Field,
  flag,
  optional,
  positive,
  probability,
  readFields,
  whole,
} from "../../src/models/encoders/fields.ts";

const LARGEST = Number.MAX_SAFE_INTEGER;

interface Kind {
  readonly field: Field;
  readonly takes: readonly unknown[];
  readonly refuses: readonly unknown[];
  readonly wanted: string;
  /** Values of another type, and what is said of these. */
  readonly others?: readonly unknown[];
  readonly type?: string;
}

const kinds: Readonly<Record<string, Kind>> = {
  count: {
    field: count(3),
    takes: [1, 2, LARGEST],
    refuses: [0, -1, 1.5, NaN, Infinity],
    wanted: "a whole number, at least 1",
    others: ["2", true],
    type: "a number",
  },
  whole: {
    field: whole(3),
    takes: [0, 1, LARGEST],
    refuses: [-1, 0.5, LARGEST + 1],
    wanted: "a whole number, at least 0",
    others: ["0"],
    type: "a number",
  },
  positive: {
    field: positive(3),
    takes: [1e-300, 1, 1e300],
    refuses: [0, -1, Infinity, NaN],
    wanted: "above 0",
    others: ["1"],
    type: "a number",
  },
  probability: {
    field: probability(0.5),
    takes: [0, 0.5, 0.999],
    refuses: [-1e-9, 1, 2, NaN],
    wanted: "at least 0 and below 1",
    others: [false],
    type: "a number",
  },
  flag: { field: flag(true), takes: [true, false], refuses: [0, 1, "true"], wanted: "a boolean" },
  "flag of one value": {
    field: { ...flag(true), options: [true] },
    takes: [true],
    refuses: [false],
    wanted: "true",
  },
  choice: {
    field: choice(["gelu", "relu"], "gelu"),
    takes: ["gelu", "relu"],
    refuses: ["tanh", "", 1],
    wanted: "one of gelu, relu",
  },
  "choice of one": { field: choice([3], 3), takes: [3], refuses: [1, "3"], wanted: "3" },
  "a number between bounds": {
    field: { ...positive(1), minimum: 0.5, below: 2 },
    takes: [0.5, 1.9],
    refuses: [0.4, 2],
    wanted: "at least 0.5 and above 0 and below 2",
  },
};

const read = (field: Field, value: unknown) =>
  readFields("a model", { size: field }, [], { size: value }).size;

for (const [name, { field, takes, refuses, wanted, others = [], type = "" }] of Object.entries(kinds)) {
  Deno.test(`a field of kind ${name} takes what it may hold, refuses the rest, and has a default`, () => {
    for (const value of takes) assert.equal(read(field, value), value);
    for (const nothing of [undefined, null]) assert.equal(read(field, nothing), field.default);
    for (const [values, what] of [[refuses, wanted], [others, type]] as const) {
      for (const value of values) {
        const message = `Cannot use size = ${JSON.stringify(value)} for a model: it must be ${what}`;
        assert.throws(
          () => read(field, value),
          (error: Error) => error instanceof UserError && error.message === message,
        );
      }
    }
    assert.deepEqual(
      [field.setting, optional(field).setting, derived(field).setting],
      ["required", "optional", "derived"],
    );
  });
}

Deno.test("one field may have to be a multiple of another, whichever of them is the default", () => {
  const fields = { width: count(12), heads: count(4) };
  const of = (given: object) => readFields("a model", fields, [["width", "heads"]], given);
  assert.deepEqual(of({ heads: 6, depth: 3 }), { width: 12, heads: 6 });
  assert.deepEqual(of({ width: 4 }), { width: 4, heads: 4 });
  const message = "Cannot use width = 10 for a model: it must be a multiple of heads = 4";
  assert.throws(() => of({ width: 10 }), { message });
});

Deno.test("a field may have the value of an earlier one where nothing is said of it", () => {
  const fields = { width: count(12), inner: { ...count(1), sameAs: "width" } };
  const of = (given: object) => readFields("a model", fields, [], given);
  assert.deepEqual(of({}), { width: 12, inner: 12 });
  assert.deepEqual(of({ width: 4 }), { width: 4, inner: 4 });
  assert.deepEqual(of({ inner: 3 }), { width: 12, inner: 3 });
});

Deno.test("a list of words is the choice that has them with lines between", () => {
  const fields = { kinds: choice(["none", "a", "a|b"], "a") };
  const of = (kinds: unknown) => readFields("a model", fields, [], { kinds }).kinds;
  assert.deepEqual([["a", "b"], ["a"], [], "a|b"].map(of), ["a|b", "a", "none", "a|b"]);
  assert.throws(() => of(["b", "a"]), /kinds = "b\|a"/);
});
