// Requests to a model that reads categories and numbers that may be missing.
import assert from "node:assert/strict";
import { BadRequest, readRequest } from "../../src/app/serve/requests.ts";
import type { FeaturePreprocessing } from "../../src/data/preprocessing.ts";

const LAB: FeaturePreprocessing = {
  name: "lab",
  kind: "features",
  columns: ["age", "age is missing", "colour = blue", "colour = red"],
  minimum: new Float64Array(4),
  maximum: new Float64Array(4).fill(1),
  cells: [{ column: "age", mean: 40, indicator: true }, { column: "colour", categories: ["blue", "red"] }],
};
const LIMITS = { maxText: 100, maxSamples: 4 } as Parameters<typeof readRequest>[2];

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
