// Requests to a model that reads categories and numbers that may be missing.
import assert from "node:assert/strict";
import { BadRequest } from "../../src/app/serve/bad_request.ts";
import { readRequest } from "../../src/app/serve/requests.ts";
import type { FeaturePreprocessing, ModalityPreprocessing } from "../../src/data/preprocessing.ts";

const LAB: FeaturePreprocessing = {
  name: "lab",
  kind: "features",
  columns: ["age", "age is missing", "colour = blue", "colour = red"],
  minimum: new Float64Array(4),
  maximum: new Float64Array(4).fill(1),
  cells: [{ column: "age", mean: 40, indicator: true }, { column: "colour", categories: ["blue", "red"] }],
};
const LIMITS = { maxText: 100, maxSamples: 4, maxBody: 1000, maxWait: 10_000 } as Parameters<
  typeof readRequest
>[2];

async function read(body: BodyInit, type?: string) {
  const headers = type === undefined ? {} : { "content-type": type };
  const request = new Request("http://localhost/predict", { method: "POST", body, headers });
  return (await readRequest(request, [LAB], LIMITS)).samples;
}

Deno.test("cells come as JSON or in a form: numbers, names of categories, and nothing where a number is missing", async () => {
  const json = (lab: unknown) => read(JSON.stringify({ lab }), "application/json");
  assert.deepEqual(await json([30.5, "red"]), [{ lab: [30.5, "red"] }]);
  assert.deepEqual(await json([null, 7]), [{ lab: [null, 7] }]);
  const form = new FormData();
  form.set("lab", ",red");
  assert.deepEqual(await read(form), [{ lab: [null, "red"] }]);
  for (
    const [lab, message] of [
      [["30.5", "red"], /"lab" must be numbers; number 1 is "30\.5"/],
      [[1, true], /number 2 is true/],
      [[1], /"lab" must be a list of 2 numbers, got 1/],
      [[1, 0, 0, 1], /must be a list of 2 numbers, got 4/],
    ] as const
  ) {
    await assert.rejects(json(lab), (error) => error instanceof BadRequest && message.test(error.message));
  }
});

Deno.test("a field that is left out, null or left empty is a modality that the sample lacks, where the model takes such", async () => {
  const note = { name: "note", kind: "text" } as ModalityPreprocessing;
  const ask = async (body: BodyInit, mayLack: boolean) => {
    const headers = typeof body === "string" ? { "content-type": "application/json" } : {};
    const request = new Request("http://localhost/predict", { method: "POST", body, headers });
    return (await readRequest(request, [LAB, note], { ...LIMITS, mayLack })).samples;
  };
  const form = () => {
    const form = new FormData();
    form.set("lab", " ");
    form.set("note", "a text");
    return form;
  };
  for (const body of ['{"note": "a text"}', '{"note": "a text", "lab": null}']) {
    assert.deepEqual(await ask(body, true), [{ note: "a text" }]);
    await assert.rejects(ask(body, false), /"lab" is missing/);
  }
  assert.deepEqual(await ask(form(), true), [{ note: "a text" }]);
  await assert.rejects(ask(form(), false), /"lab" must be a list of 2 numbers/);
});
