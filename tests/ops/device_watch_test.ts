// A device that begins to compute wrong is told by one bit of a product that was the same before.
import assert from "node:assert/strict";
import { DeviceWatch } from "../../src/ops/device_watch.ts";
import { full } from "../../src/ops/fill.ts";
import { readTensors } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

for (const precision of ["f32", "f16"] as const) {
  const ignore = precision === "f16" && !gpu.features.has("shader-f16");
  Deno.test(
    { name: `products are the same to the bit, and told where they are not, ${precision}`, ignore },
    async () => {
      const watch = new DeviceWatch(gpu, precision);
      const { live } = gpu.memory;
      const products = async () => {
        const made = watch.products();
        const values = await readTensors(made) as Float32Array<ArrayBuffer>[];
        for (const one of made) one.dispose();
        return values;
      };
      assert.equal(watch.difference(await products()), undefined);
      // Buffers that the next product gets hold something else meanwhile.
      full(gpu, [128, 128], 7).dispose();
      const again = await products();
      assert.equal(watch.difference(again), undefined);
      assert.equal(again.length, precision === "f16" ? 2 : 1);
      const last = again.at(-1)!;
      new Uint32Array(last.buffer)[1000]! ^= 1;
      assert.equal(watch.difference(again), `1 of the ${last.length} numbers of a product in ${precision}`);
      assert.equal(gpu.memory.live, live, "nothing is held between tests");
    },
  );
}
