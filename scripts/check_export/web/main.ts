// deno-lint-ignore-file no-explicit-any -- what runs in the page sees its window, which is no part of Deno's types
/**
 * Runs a graph of ONNX in a page: onnxruntime-web in headless Chromium, from a server on this machine alone.
 *
 *     deno run -A --config deno.json main.ts MODEL.onnx < feeds.json
 *
 * `feeds.json` holds the inputs by name as { type, shape, values }; the outputs are printed as JSON, { shape, values } by
 * name. The driver of Chromium and onnxruntime-web stand in a configuration of their own, so that installing unis does not
 * fetch them.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findChromium } from "../../check_pages/browser.ts";

/** Names that are found only by the configuration beside this file. */
const [DRIVER, RUNTIME] = ["playwright-core", "onnxruntime-web"];

const PAGE = `<!DOCTYPE html><title>ONNX</title><script type="module">
import * as ort from "/runtime/ort.wasm.min.mjs";
ort.env.wasm.wasmPaths = "/runtime/";
ort.env.wasm.numThreads = 1;
const ARRAYS = { uint8: Uint8Array, float32: Float32Array, int64: (values) => BigInt64Array.from(values, BigInt) };
globalThis.answer = async (feeds) => {
  const session = await ort.InferenceSession.create("/model");
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, { type, shape, values }]) => {
    const data = type === "int64" ? ARRAYS.int64(values) : ARRAYS[type].from(values);
    return [name, new ort.Tensor(type, data, shape)];
  }));
  const outputs = await session.run(inputs);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dims, data }]) => [name, { shape: [...dims], values: [...data] }]),
  );
};
</script>`;

const [model] = Deno.args;
const chromium = findChromium();
if (model === undefined || chromium === undefined) {
  console.error(model === undefined ? "usage: main.ts MODEL.onnx < feeds.json" : "There is no Chromium");
  Deno.exit(2);
}
const feeds = JSON.parse(await new Response(Deno.stdin.readable).text());
const runtime = dirname(fileURLToPath(import.meta.resolve(RUNTIME!)));

const TYPES: Readonly<Record<string, string>> = { mjs: "text/javascript", wasm: "application/wasm" };
await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
  const { pathname } = new URL(url);
  if (pathname === "/") return new Response(PAGE, { headers: { "content-type": "text/html" } });
  if (pathname === "/model") return new Response(await Deno.readFile(model));
  const [, name, type] = /^\/runtime\/([\w.-]+\.(mjs|wasm))$/.exec(pathname) ?? [];
  if (name === undefined) return new Response(null, { status: 404 });
  return new Response(await Deno.readFile(join(runtime, name)), {
    headers: { "content-type": TYPES[type!]! },
  });
});

const driver = await import(DRIVER!);
const browser = await driver.chromium.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  const page = await browser.newPage();
  page.on("pageerror", (error: unknown) => console.error(String(error)));
  await page.goto(`http://127.0.0.1:${server.addr.port}/`);
  await page.waitForFunction(() => (globalThis as any).answer !== undefined);
  const outputs = await page.evaluate((given: any) => (globalThis as any).answer(given), feeds);
  console.log(JSON.stringify(outputs));
} finally {
  await browser.close();
}
