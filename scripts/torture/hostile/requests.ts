/** Requests to `unis serve`: bytes that are sent over TCP to the server of a small run. */
import { encodeBase64 } from "hono/utils/encode";
import { encode } from "fast-png";
import { join } from "node:path";
import { PredictSession } from "../../../src/app/predict/session.ts";
import { PredictServer } from "../../../src/app/serve/server.ts";
import { run } from "../../../src/cli/program.ts";
import type { Format, Read } from "./formats.ts";

const utf8 = new TextEncoder();
/** Milliseconds after which a request that has no answer is taken for one that waits for its end, where that is not there. */
const UNFINISHED = 100;
/** The same where it seems to be, which a busy machine answers late. */
const UNFINISHED_IF_WHOLE = 3000;
/** The same of sound ones, with which workers start and kernels are compiled. */
const UNFINISHED_IF_SOUND = 60_000;

const picture = (number: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(encode({
    width: 6,
    height: 6,
    channels: 3,
    data: Uint8Array.from({ length: 108 }, (_, i) => 40 * number + i),
  }));

/** Images, texts and numbers. */
const SETTINGS = [
  "data.image=path",
  "data.text=title",
  'data.modalities={"lab":{"features":["a","b"]}}',
  "data.label=label",
  "data.split=split",
  "data.image_size=8",
  "training.epochs=1",
  "model.encoders.lab.hidden_size=8",
  "model.encoders.image.patch_size=4",
  ...["text", "image"].flatMap((modality) =>
    ["hidden_size", "intermediate_size"].map((one) => `model.encoders.${modality}.${one}=8`).concat(
      ["num_hidden_layers=1", "num_attention_heads=2"].map((one) => `model.encoders.${modality}.${one}`),
    )
  ),
];

/** Trains a run at `folder/run`. */
export async function trainSmallRun(folder: string): Promise<string> {
  const rows = Array.from({ length: 12 }, (_, i) => {
    Deno.writeFileSync(join(folder, `${i}.png`), picture(i % 2));
    const split = i < 8 ? "train" : i < 10 ? "validation" : "test";
    return `${i}.png,thing ${i},${i},1,${i % 2 === 0 ? "red" : "blue"},${split}\n`;
  });
  Deno.writeTextFileSync(join(folder, "items.csv"), `path,title,a,b,label,split\n${rows.join("")}`);
  const out = join(folder, "run");
  const settings = SETTINGS.flatMap((one) => ["--set", one]);
  const data = `table:${join(folder, "items.csv")}`;
  const status = await run(["train", "--quiet", "--data", data, "--out", out, ...settings]);
  if (status !== 0) throw new Error(`training ended with status ${status}`);
  return out;
}

const JSON_BODY = JSON.stringify({
  image: encodeBase64(picture(0).buffer),
  text: "a red thing",
  lab: [1, 2.5],
  top: 2,
});

const LENGTH = "content-length: ";
/** In as many digits as any length has, so that another takes its place. */
const lengthOf = ({ length }: { length: number }) => `${length}`.padStart(8, "0");

/** Has the request say how long its body is: else the server waits for the rest of it, or takes what is too much for another. */
function mendLength(bytes: Uint8Array<ArrayBuffer>): void {
  const head = new TextDecoder("latin1").decode(bytes);
  const found = head.indexOf(LENGTH), body = head.indexOf("\r\n\r\n") + 4;
  if (found < 0 || body < found) return;
  bytes.set(utf8.encode(lengthOf(bytes.subarray(body))), found + LENGTH.length);
}

/** Whether all of a request seems to be there. */
function isWhole(bytes: Uint8Array): boolean {
  const [head, ...rest] = new TextDecoder("latin1").decode(bytes).split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const length = /^content-length: *(\d+)\r?$/im.exec(head!)?.[1];
  if (length !== undefined) return body.length >= Number(length);
  return rest.length > 0 && (!/^transfer-encoding:/im.test(head!) || /(?:^|\n)0\r\n/.test(body));
}

function seeds(): Uint8Array[] {
  const [open, rest] = ["--edge\r\n", "--edge--\r\n"];
  const part = (name: string, value: string) =>
    `${open}content-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const file = String.fromCharCode(...picture(1));
  const form = part("text", "a thing") + part("lab", "1, 2") +
    `${open}content-disposition: form-data; name="image"; filename="a.png"\r\n` +
    `content-type: image/png\r\n\r\n${file}\r\n${rest}`;
  const two = JSON.stringify({
    samples: [JSON.parse(JSON_BODY), JSON.parse(JSON_BODY)].map(({ top: _, ...one }) => one),
  });
  const post = (type: string, body: string) =>
    `POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\n${LENGTH}${lengthOf(body)}\r\n\r\n${body}`;
  const chunked = `POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n` +
    `transfer-encoding: chunked\r\n\r\n${JSON_BODY.length.toString(16)}\r\n${JSON_BODY}\r\n0\r\n\r\n`;
  return [
    post("application/json", JSON_BODY),
    post("application/json", two),
    post("multipart/form-data; boundary=edge", form),
    chunked,
    "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n",
  ].map((text) => Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

/** The status that a request is answered with; undefined where the server closes without one, or waits for the rest. */
async function ask(port: number, bytes: Uint8Array, patience = UNFINISHED): Promise<number | undefined> {
  using connection = await Deno.connect({ port });
  let unfinished: ReturnType<typeof setTimeout> | undefined;
  try {
    for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
    unfinished = setTimeout(() => connection.close(), patience);
    const head = new Uint8Array(64);
    const count = await connection.read(head);
    return Number(/^HTTP\/1\.[01] (\d{3})/.exec(new TextDecoder().decode(head.subarray(0, count ?? 0)))?.[1]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(unfinished);
  }
}

/** What a server that refuses says, in an error. */
class Refusal extends Error {}

export const requestFormat: Format = {
  name: "requests",
  seeds,
  words: [
    "content-length: 99999999\r\n",
    "transfer-encoding: chunked\r\n",
    "\r\n\r\n",
    "--edge",
    "expect: 100-continue\r\n",
  ],
  mend: mendLength,
  refuses: (error) => error instanceof Refusal,
  async open(folder): Promise<Read> {
    const session = await PredictSession.begin(await trainSmallRun(folder), "auto");
    const notes: string[] = [];
    const server = new PredictServer(session, {
      maxBatch: 4,
      maxQueue: 8,
      wait: 0,
      maxBody: 1 << 20,
      maxPixels: 1 << 20,
      maxText: 10_000,
      note: (message) => notes.push(message),
    });
    const { addr: { port } } = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: serverError },
      server.app.fetch,
    );
    function serverError(error: unknown): Response {
      notes.push(`the handler threw ${error}`);
      return new Response(null, { status: 500 });
    }
    let sound = seeds().length; // they come first
    const health = utf8.encode("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
    return async (bytes) => {
      const patience = sound-- > 0 ? UNFINISHED_IF_SOUND : isWhole(bytes) ? UNFINISHED_IF_WHOLE : UNFINISHED;
      const status = await ask(port, bytes, patience);
      if (notes.length > 0) throw new TypeError(notes.splice(0).join("; "));
      if (status !== undefined && status >= 500) throw new TypeError(`the server answered ${status}`);
      if (status === 200) return;
      if (await ask(port, health, UNFINISHED_IF_SOUND) !== 200) {
        throw new TypeError("the server is not well any more");
      }
      throw new Refusal(`answered ${status}`);
    };
  },
};
