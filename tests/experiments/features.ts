/** A data set of features and an experiment on it, small enough for tests. */
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";

const COUNTS = { tr: 60, te: 30 } as const;
const WIDTH = 4;

/** Two matrices in the layout of MOGONET; three classes, told apart through noise. */
export function writeFeatures(folder: string): void {
  Deno.mkdirSync(folder, { recursive: true });
  const random = new Random(2);
  for (const [suffix, count] of Object.entries(COUNTS)) {
    const labels = Array.from({ length: count }, (_, i) => i % 3);
    Deno.writeTextFileSync(join(folder, `labels_${suffix}.csv`), labels.join("\n") + "\n");
    for (const view of [1, 2]) {
      const rows = labels.map((label) =>
        Array.from({ length: WIDTH }, (_, j) => (Number(j === label) + random.between(-1, 1)).toFixed(4))
          .join(",")
      );
      Deno.writeTextFileSync(join(folder, `${view}_${suffix}.csv`), rows.join("\n") + "\n");
    }
  }
}

const ENCODER = { model_type: "mlp", hidden_size: 8, num_hidden_layers: 1, hidden_dropout_prob: 0.2 };

/** The file of an experiment as it would be parsed. */
export function featuresExperiment(data: string) {
  return {
    name: "Features",
    data: `features:${data}`,
    seeds: [1, 2],
    set: {
      "model.encoders": { view1: ENCODER, view2: ENCODER },
      "model.head": { hidden_size: 8, dropout: 0.2 },
      "training.epochs": 6,
      "training.micro_batch": 8,
      "training.batch": 16,
    } as Record<string, unknown>,
    variants: [
      { name: "AggMM", method: "agg-mm" },
      { name: "UniS-MMC", method: "unis-mmc" },
      { name: "View 1", method: "view1" },
    ] as { name: string; method: string; set?: Record<string, unknown> }[],
    tables: [{ title: "Methods", measures: ["accuracy", "macro_f1"] }],
  };
}
