/** The command `unis doctor` on this machine, with its adapter and without one. */
import assert from "node:assert/strict";

const ROOT = new URL("../..", import.meta.url).pathname;

function doctor(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", `${ROOT}main.ts`, "doctor", ...args],
    env: { NO_COLOR: "1", ...env },
  }).outputSync();
  const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [
    string,
    string,
  ];
  return { code, output, errors };
}

Deno.test("unis doctor --json has the adapter, what was measured, and the cost of base sizes", () => {
  const { code, output, errors } = doctor(["--json"]);
  assert.equal(code, 0, errors);
  const found = JSON.parse(output);
  assert.deepEqual(Object.keys(found), [
    "unis",
    "ready",
    "problems",
    "host",
    "adapters",
    "dawn",
    "used",
    "base_sizes",
    "places",
    "ranks",
  ]);
  assert.equal(found.ready, true);
  assert.equal(found.host.deno, Deno.version.deno);
  const { adapters, fault } = found.dawn;
  if (fault === null) assert.ok(adapters.every(({ name }: { name: string }) => name.endsWith(" on Dawn")));
  else assert.match(fault, /run\.sh|\.node/);
  assert.ok(found.adapters[0].requests.includes("high-performance"));
  assert.equal(found.adapters[0].name, found.used.name);
  assert.deepEqual(found.used.self_test, { passed: true, fault: null });
  const { memory, operations, batch, seconds, least_seconds } = found.base_sizes;
  // 12 layers each of 4 products of width² and 2 of 4 width², at 197 and 128 tokens; backward takes twice as much.
  // Attention comes on top, and the last layer computes less, since one of its tokens is all that is used.
  const layers = batch * 3 * 2 * (197 + 128) * 12 * 12 * 768 ** 2;
  assert.ok(Math.abs(operations / layers - 1) < 0.05, `${operations} against ${layers}`);
  assert.ok(memory.held > 4 * 4 * 190e6, "four arrays of all parameters");
  if (found.used.rates === null) return assert.equal(seconds, null);
  const { f32, product, bytes } = found.used.rates;
  assert.ok(f32 > 1e9 && product > 1e8 && bytes > 1e8, JSON.stringify(found.used.rates));
  assert.ok(least_seconds > operations / f32 && seconds > operations / product && least_seconds <= seconds);
});

Deno.test({
  name: "unis doctor tells a machine without an adapter what is wrong, and exits with 1",
  ignore: Deno.build.os !== "linux",
  fn() {
    const { code, output, errors } = doctor([], {
      DENO_WEBGPU_BACKEND: "vulkan",
      VK_DRIVER_FILES: "/nonexistent",
      VK_ICD_FILENAMES: "/nonexistent",
    });
    assert.equal(code, 1, output);
    assert.match(output, /^Adapters {4}none$/m);
    assert.match(output, /^Error {7}VK_DRIVER_FILES names \/nonexistent.*\n {12}-> unset VK_DRIVER_FILES/m);
    assert.match(output, /^Training does not run here\.$/m);
    assert.match(errors, /^unis: training does not run here: WebGPU offers no adapter/m);
  },
});
