/** A batch that grows with the number of ranks, and the rates that go with it. */
import assert from "node:assert/strict";
import { PRESETS } from "../../src/config/presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { RATE_RULES, type RateRule, scaleBatch } from "../../src/config/scale_batch.ts";

const config = withSettings(PRESETS.emoji, [
  "optimizer.head_learning_rates.fusion=0.01",
  'optimizer.rate_patterns={"encoders.text.*":0.02}',
]);

/** All numbers by their paths. */
function numbers(value: unknown, path = ""): [string, number][] {
  if (typeof value === "number") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => numbers(one, `${path}.${key}`));
}

for (const [rule, ratio] of [["linear", 4], ["root", 2]] as const) {
  Deno.test(`four ranks take a batch four times as large, at all rates times ${ratio} by the rule "${rule}"`, () => {
    const found = new Map(numbers(scaleBatch(config, 4, rule)));
    const seen = new Set<string>();
    for (const [path, value] of numbers(config)) {
      const factor = path === ".training.batch" ? 4 : /learning_rate|rate_patterns/.test(path) ? ratio : 1;
      assert.equal(found.get(path), factor * value, path);
      if (factor > 1) seen.add(path);
    }
    assert.equal(seen.size, 7, [...seen].join(" "));
  });
}

Deno.test("one rank changes nothing", () => {
  for (const rule of Object.keys(RATE_RULES) as RateRule[]) {
    assert.deepEqual(scaleBatch(config, 1, rule), config);
  }
});
