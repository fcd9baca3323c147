/** A graph of ONNX on the test samples of a run, in a page: `web/main.ts` does it, in a configuration of its own. */
import type { Dataset } from "../../src/data/dataset.ts";
import { type Temperatures, withTemperature } from "../../src/metrics/calibration.ts";
import { softmaxRows } from "../../src/metrics/metrics.ts";

const FOLDER = new URL("web/", import.meta.url).pathname;

interface Feed {
  readonly type: "uint8" | "int64" | "float32";
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** What every head of the graph at `model` says of the first `count` test samples: probabilities by head. */
export async function answersInPage(
  model: string,
  data: Dataset,
  heads: readonly string[],
  temperatures: Temperatures,
  count: number,
): Promise<Map<string, number[]>[]> {
  const rows = Uint32Array.from({ length: Math.min(count, data.count("test")) }, (_, row) => row);
  const feeds = await feedsOf(data, rows);
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", `${FOLDER}deno.json`, `${FOLDER}main.ts`, model],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = process.output();
  await new Blob([JSON.stringify(feeds)]).stream().pipeTo(process.stdin);
  const { success, stdout } = await output;
  if (!success) throw new Error(`${model} could not be run in a page`);
  const outputs = JSON.parse(new TextDecoder().decode(stdout)) as Record<string, { values: number[] }>;
  const classes = data.classes.length;
  const probabilities = heads.map((head) => {
    const own = softmaxRows(Float32Array.from(outputs[`logits_${head}`]!.values), classes);
    return [head, withTemperature(own, classes, temperatures[head] ?? 1)] as const;
  });
  return Array.from(
    rows,
    (row) =>
      new Map(
        probabilities.map(([head, all]) => [head, [...all.subarray(row * classes, (row + 1) * classes)]]),
      ),
  );
}

/** Test samples as the run itself reads them, by the inputs of the graph. */
async function feedsOf(data: Dataset, rows: Uint32Array): Promise<Record<string, Feed>> {
  const { modalities } = await data.batch("test", rows);
  const feeds: Record<string, Feed> = {};
  for (const [name, input] of Object.entries(modalities)) {
    if (input.kind === "image") {
      const shape = [rows.length, input.height, input.width, 3];
      feeds[`${name}.pixels`] = { type: "uint8", shape, values: [...input.pixels] };
    } else if (input.kind === "text") {
      const shape = [rows.length, input.tokens];
      feeds[`${name}.input_ids`] = { type: "int64", shape, values: [...input.ids] };
      feeds[`${name}.attention_mask`] = { type: "int64", shape, values: [...input.mask] };
    } else {
      throw new Error(`the page is not given ${input.kind}`);
    }
  }
  return feeds;
}
