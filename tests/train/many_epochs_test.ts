/** What must not grow with the number of epochs; `deno task torture --class long` weighs a thousand of them. */
import assert from "node:assert/strict";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { tinyConfig, tinyData } from "./tiny.ts";
import { trained } from "./trained.ts";

Deno.test("training reads its records as often in many epochs as in one: what it holds of them does not grow", async () => {
  const data = tinyData({ train: 8, validation: 3, test: 3 });
  const { records } = RunFolder.prototype;
  const read = async (epochs: number) => {
    let times = 0;
    RunFolder.prototype.records = function () {
      times++;
      return records.call(this);
    };
    try {
      await trained(tinyConfig(`training.epochs=${epochs}`), data);
    } finally {
      RunFolder.prototype.records = records;
    }
    return times;
  };
  assert.equal(await read(4), await read(1));
});
