/**
 * Serves a run on the loopback interface and asks it: how many requests a second and after how long, one at a time and
 * from many clients; whether every answer is that of `unis predict`, bit for bit; what becomes of malformed requests; and
 * what clients see when the server ends under load.
 *
 *     deno run -A scripts/load_test.ts RUN TABLE.csv [--column modality=column ...] [--requests 2000] [--clients 16]
 *
 * The rows of the table are the samples: images as paths, texts. Ends with status 1 where an answer is wrong or lost.
 */
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { encodeBase64 } from "hono/utils/encode";
import { predictTable } from "../src/app/predict/predict_table.ts";
import { PredictSession } from "../src/app/predict/session.ts";
import { answerWriter } from "../src/app/predict/writers.ts";
import { Random } from "../src/base/random.ts";
import { openTable } from "../src/data/readers/table_formats.ts";
import { formatTable } from "../src/report/table.ts";
import { Served } from "./served.ts";

const { values: flags, positionals: [run, table] } = parseArgs({
  allowPositionals: true,
  options: {
    column: { type: "string", multiple: true, default: [] },
    requests: { type: "string", default: "2000" },
    clients: { type: "string", default: "16" },
  },
});
if (run === undefined || table === undefined) {
  console.error(
    "usage: load_test.ts RUN TABLE.csv [--column modality=column ...] [--requests N] [--clients N]",
  );
  Deno.exit(2);
}
/** Workers that have nothing to do end before it is over. */
const REST_MILLISECONDS = 6000;
const requests = Number(flags.requests), clients = Number(flags.clients);
const columns = Object.fromEntries(flags.column.map((one) => one.split("=") as [string, string]));

interface Expected {
  readonly body: string;
  /** By head and class. */
  readonly probabilities: Record<string, Record<string, number>>;
}

/** The requests, and what `unis predict` says of their samples. */
async function prepare(): Promise<Expected[]> {
  using session = await PredictSession.begin(run!, "auto");
  const of = session.columns(columns);
  const bodies: string[] = [];
  const { rows } = await openTable(table!);
  for await (const { values } of rows) {
    const inputs = await Promise.all(session.modalities.map(async ({ name, kind }) => {
      const cells = [of[name]!].flat().map((column) => values[column]);
      if (kind === "features") return [name, cells.map(Number)];
      if (kind === "text") return [name, String(cells[0])];
      const bytes = await Deno.readFile(join(dirname(table!), String(cells[0])));
      return [name, encodeBase64(bytes.buffer)];
    }));
    bodies.push(JSON.stringify(Object.fromEntries(inputs)));
  }
  const lines: string[] = [];
  await predictTable(session, table!, {
    skipBad: false,
    columns,
    writer: answerWriter("jsonl", { classes: session.classes, top: 1, all: true }),
    print: (text) => lines.push(text),
  });
  const answers = lines.join("").trim().split("\n").map((line) => JSON.parse(line).probabilities);
  return bodies.map((body, i) => ({ body, probabilities: answers[i] }));
}

/** Sends so many requests from so many clients, each of which waits for its answer. */
async function load(server: Served, expected: readonly Expected[], count: number, concurrent: number) {
  const times: number[] = [];
  let next = 0, wrong = 0, lost = 0;
  const client = async () => {
    while (next < count) {
      const { body, probabilities } = expected[next++ % expected.length]!;
      const start = performance.now();
      try {
        const response = await server.post(body);
        const answer = await response.json();
        times.push(performance.now() - start);
        if (response.status !== 200) lost++;
        else if (JSON.stringify(answer.answers[0].probabilities) !== JSON.stringify(probabilities)) wrong++;
      } catch {
        lost++;
      }
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: concurrent }, client));
  const seconds = (performance.now() - start) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(share * times.length))]!.toFixed(0);
  return {
    row: [
      String(concurrent),
      String(count),
      (count / seconds).toFixed(1),
      at(0.5),
      at(0.99),
      String(wrong),
      String(lost),
    ],
    wrong,
    lost,
  };
}

/** A request with something wrong in it: cut, changed, mixed up. */
function malformed(random: Random, body: string): { body: BodyInit; type: string } {
  const pick = <T>(all: readonly T[]) => all[Math.floor(random.between(0, all.length))]!;
  const value = () =>
    pick<unknown>([null, true, -1, 1e300, "", "x".repeat(10), [], {}, [[]], "\u0000", "AAAA", {
      samples: 1,
    }]);
  const object = JSON.parse(body);
  const key = pick(Object.keys(object));
  const json = (changed: unknown) => ({ body: JSON.stringify(changed), type: "application/json" });
  switch (Math.floor(random.between(0, 9))) {
    case 0:
      return {
        body: body.slice(0, Math.floor(random.between(0, body.length - 1))),
        type: "application/json",
      };
    case 1:
      return json({ ...object, [key]: pick([null, true, -1, {}, [[]]]) });
    case 2: {
      const { [key]: _, ...rest } = object;
      return json(rest);
    }
    case 3:
      return json({ ...object, [`${key}x`]: value() });
    case 4:
      return json({ samples: pick([[], [1], {}, "x", [object, {}], [[object]]]) });
    case 5: {
      const bytes = crypto.getRandomValues(new Uint8Array(Math.floor(random.between(0, 2000))));
      return {
        body: bytes,
        type: pick(["application/json", "multipart/form-data; boundary=x", "text/plain", "image/png"]),
      };
    }
    case 6:
      return {
        body: `--x\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${body.slice(0, 100)}\r\n--x--`,
        type: "multipart/form-data; boundary=x",
      };
    case 7: {
      const image = Object.keys(object).find((name) =>
        typeof object[name] === "string" && object[name].length > 200
      );
      if (image === undefined) return json({ ...object, top: value() });
      const text: string = object[image];
      const at = Math.floor(random.between(0, 40)) * 4;
      return json({
        ...object,
        [image]: text.slice(0, at) + "////" +
          text.slice(at + 4, Math.floor(random.between(at + 4, text.length)) & ~3),
      });
    }
    default:
      return json({ ...object, top: pick([0, -1, 1.5, "3", null, {}]) });
  }
}

async function fuzz(server: Served, expected: readonly Expected[], count: number) {
  const random = new Random(1);
  const statuses = new Map<number, number>();
  let silent = 0;
  for (let i = 0; i < count; i++) {
    const { body, type } = malformed(random, expected[i % expected.length]!.body);
    const response = await server.post(body, type);
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    const answer = await response.json().catch(() => ({}));
    if (response.status >= 400 && typeof answer.error !== "string") silent++;
  }
  return { statuses, silent };
}

let isWell = true;
const expected = await prepare();
console.log(`${expected.length} samples, answers of unis predict at hand`);
const start = () => new Served(run!, "--max-queue", "512");
const server = start();
await server.start();
await load(server, expected, 64, clients); // everything is compiled
const before = await server.memory();
const rows = [["clients", "requests", "a second", "p50 ms", "p99 ms", "wrong", "lost"]];
for (const [count, concurrent] of [[Math.ceil(requests / 4), 1], [requests, clients]] as const) {
  const { row, wrong, lost } = await load(server, expected, count, concurrent);
  rows.push(row);
  isWell &&= wrong + lost === 0;
}
console.log(formatTable(rows).join("\n"));
const loaded = await server.memory();
const { statuses, silent } = await fuzz(server, expected, requests);
const list = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`).join(
  ", ",
);
console.log(`\n${requests} malformed requests: ${list}; ${silent} without a reason`);
isWell &&= silent === 0 && ![...statuses.keys()].some((status) => status >= 500);
const malformedToo = await server.memory();
const again = await load(server, expected, expected.length, clients);
isWell &&= again.wrong + again.lost === 0;
await new Promise((done) => setTimeout(done, REST_MILLISECONDS));
const rested = await server.memory();
const [first, ...others] = [before, loaded, malformedToo, rested].map((one) => (one / 2 ** 20).toFixed(0));
console.log(
  `Memory      ${first} MiB at first, ${others[0]} after the requests, ${
    others[1]
  } after the malformed ones, ${others[2]} after a rest`,
);

/** Under load the server is ended: every client has an answer or an error, none waits for ever. */
async function endUnderLoad(one: Served, signal: Deno.Signal) {
  const outcomes = new Map<string, number>();
  const work = Promise.all(Array.from({ length: clients * 4 }, async (_, i) => {
    const outcome = await one.post(expected[i % expected.length]!.body).then(
      async (response) => {
        await response.body?.cancel();
        return String(response.status);
      },
      () => "connection error",
    );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }));
  await new Promise((done) => setTimeout(done, 50));
  const status = await one.end(signal);
  await work;
  return `${signal}: exit status ${status}; clients saw ${
    [...outcomes].map(([what, count]) => `${what} ${count} times`).join(", ")
  }`;
}
console.log(await endUnderLoad(server, "SIGTERM"));
const second = start();
await second.start();
console.log(await endUnderLoad(second, "SIGKILL"));
const third = start();
await third.start();
const { wrong, lost } = await load(third, expected, expected.length, clients);
console.log(`Started again: ${wrong} wrong, ${lost} lost`);
isWell &&= wrong + lost === 0;
await third.end("SIGTERM");
Deno.exit(isWell ? 0 : 1);
