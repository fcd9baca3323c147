/** Answers as text: classes, labels and numbers in every format, and heads whose modality a row lacks. */
import assert from "node:assert/strict";
import type { Answer } from "../../src/app/predict/answers.ts";
import { answerWriter, type OutputFormat } from "../../src/app/predict/writers.ts";
import type { TaskName } from "../../src/data/targets.ts";
import type { Values } from "../../src/metrics/answers.ts";

const CLASSES = ["sea", "sky", "a|b"];

/** An answer of the heads "image", which the row lacks, and "fusion". */
function answer(probabilities: number[], predicted: Values): Answer {
  const none = new Float64Array();
  return {
    row: { line: 2, values: { id: "x" } },
    probabilities: new Map([["image", none], ["fusion", Float64Array.from(probabilities)]]),
    predicted: new Map<string, Values>([["image", none], ["fusion", predicted]]),
    representations: new Map(),
  };
}

const ANSWERS: Readonly<Record<TaskName, Answer>> = {
  classification: answer([0.25, 0.5, 0.25], Uint32Array.of(1)),
  multi_label: answer([0.75, 0.125, 0.875], Uint32Array.of(1, 0, 1)),
  regression: answer([12.5], Float64Array.of(12.5)),
};

const WRITTEN: Readonly<Record<TaskName, Readonly<Record<OutputFormat, string>>>> = {
  classification: {
    csv:
      "id,image_class,image_p,fusion_class,fusion_p,image_p(sea),image_p(sky),image_p(a|b),fusion_p(sea),fusion_p(sky)," +
      "fusion_p(a|b)\nx,,,sky,0.500000,,,,0.250000,0.500000,0.250000\n",
    jsonl: '{"id":"x","predictions":{"image":[],"fusion":[{"class":"sky","probability":0.5}]},' +
      '"probabilities":{"image":{},"fusion":{"sea":0.25,"sky":0.5,"a|b":0.25}}}\n',
    table:
      "id  image_class                     fusion_class\n--  -----------  -------------------------------\n" +
      "x                sky 0.500, sea 0.250, a|b 0.250\n",
  },
  multi_label: {
    csv:
      "id,image_labels,fusion_labels,image_p(sea),image_p(sky),image_p(a|b),fusion_p(sea),fusion_p(sky),fusion_p(a|b)\n" +
      "x,,sea|a\\|b,,,,0.750000,0.125000,0.875000\n",
    jsonl: '{"id":"x","predictions":{"image":[],"fusion":[{"class":"a|b","probability":0.875},' +
      '{"class":"sea","probability":0.75}]},"probabilities":{"image":{},"fusion":{"sea":0.75,"sky":0.125,"a|b":0.875}}}\n',
    table: "id  image_labels         fusion_labels\n--  ------------  --------------------\n" +
      "x                 a|b 0.875, sea 0.750\n",
  },
  regression: {
    csv: "id,image_value,fusion_value\nx,,12.5000\n",
    jsonl: '{"id":"x","predictions":{"image":null,"fusion":12.5}}\n',
    table: "id  image_value  fusion_value\n--  -----------  ------------\nx                     12.5000\n",
  },
};

for (const [task, formats] of Object.entries(WRITTEN) as [TaskName, Record<OutputFormat, string>][]) {
  Deno.test(`answers of ${task} are written as CSV, JSON lines and a table`, () => {
    for (const [format, expected] of Object.entries(formats) as [OutputFormat, string][]) {
      const writer = answerWriter(format, { task, classes: CLASSES, top: 1, all: true });
      const text = writer.write(ANSWERS[task]) + writer.end();
      // Whatever stands at the ends of lines.
      assert.equal(text.replaceAll(/ +\n/g, "\n"), expected, format);
    }
  });
}
