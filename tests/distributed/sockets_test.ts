/** Ranks of one host, joined by connections: here they are tasks of one process, as tests of their processes are in jobs_test.ts. */
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { RankMissing } from "../../src/distributed/collective.ts";
import { Link, LinkClosed } from "../../src/distributed/link.ts";
import { Meeting } from "../../src/distributed/meeting.ts";
import { Sockets } from "../../src/distributed/sockets.ts";
import { asSockets } from "./in_process.ts";

/** Numbers of all sizes, so that the order in which they are added shows. */
function valuesOf(rank: number, length: number): Float32Array<ArrayBuffer> {
  const random = new Random(rank);
  return Float32Array.from({ length }, () => (random.uniform() - .5) * 10 ** (8 * random.uniform()));
}

Deno.test("sums are those of all values in the order of ranks, the same to the bit for each, whatever their number", async () => {
  for (const ranks of [1, 2, 3, 5]) {
    for (const length of [0, 1, 2, 3, 1000, 300_001]) {
      const expected = valuesOf(0, length);
      for (let rank = 1; rank < ranks; rank++) {
        valuesOf(rank, length).forEach((value, i) => expected[i]! += value);
      }
      const found = await asSockets(ranks, async (one) => {
        const values = valuesOf(one.rank, length);
        await one.sum(values, "adding up");
        return values;
      });
      for (const values of found) assert.deepEqual(values, expected, `${ranks} ranks, ${length} values`);
    }
  }
});

Deno.test("calls are answered in their order, also those that are made before others have ended", async () => {
  const all = await asSockets(3, async (one) => {
    const [a, b] = [Float32Array.of(one.rank), Float32Array.of(10 * one.rank, 1)];
    const [, names] = await Promise.all([
      one.sum(a, "a"),
      one.gather(`rank ${one.rank} – ü\n${"long ".repeat(one.rank * 50_000)}`, "names"),
      one.sum(b, "b"),
    ]);
    return [a[0], ...b, ...names.map((name) => name.length)];
  });
  assert.deepEqual(all, Array(3).fill([3, 30, 3, 11, 250_011, 500_011]));
});

Deno.test("ranks that do not come are named by those that wait, with what for", async () => {
  using meeting = new Meeting(3);
  const ranks = await Promise.all([0, 1, 2].map((rank) => Sockets.join(meeting.placeOf(rank), .3)));
  const waits = ranks.slice(0, 2).map((one) => one.sum(new Float32Array(1000), "gradients of step 7"));
  for (const wait of waits) {
    await assert.rejects(
      wait,
      /^RankMissing: Waited 0.3 s for rank 2 \(UNIS_MPI_TIMEOUT\) in: gradients of step 7$/,
    );
  }
  const lonely = new Meeting(2);
  await assert.rejects(Sockets.join(lonely.placeOf(0), .1), RankMissing);
  lonely[Symbol.dispose]();
});

Deno.test("a rank ends when another or the launcher is gone", async () => {
  const meeting = new Meeting(2);
  const [first, second] = await Promise.all([0, 1].map((rank) => Sockets.join(meeting.placeOf(rank), 10)));
  // The launcher, gone without a word.
  const wait = first!.gather(1, "the best epoch");
  meeting[Symbol.dispose]();
  await assert.rejects(wait, /^RankMissing: unis launch has ended, in: the best epoch$/);
  await assert.rejects(second!.gather(1, "the best epoch"), RankMissing);
  // Before all have met, and before this one has come.
  const [early, gone] = [new Meeting(2), /^RankMissing: unis launch or another rank has ended, in: meeting/];
  const alone = Sockets.join(early.placeOf(0), 10);
  setTimeout(() => early[Symbol.dispose](), 100);
  await assert.rejects(alone, gone);
  await assert.rejects(Sockets.join(early.placeOf(1), 10), gone);
});

Deno.test("strangers are turned away, and keep nobody from meeting", async () => {
  using meeting = new Meeting(2);
  const { port } = meeting.placeOf(0);
  const strangers = await Promise.all([1, 2, 3, 4].map(() => Link.to(port)));
  await strangers[0]!.sendValue({ key: "guessed", rank: 0, port: 1 });
  await strangers[1]!.sendValue("x".repeat(5000));
  await strangers[2]!.send(new Uint8Array(10));
  const all = await Promise.all(
    [0, 1].map(async (rank) => (await Sockets.join(meeting.placeOf(rank), 10)).gather(rank, "ranks")),
  );
  assert.deepEqual(all, [[0, 1], [0, 1]]);
  for (const stranger of strangers.slice(0, 3)) await assert.rejects(stranger.receive(), LinkClosed);
  strangers[3]!.close(); // which has said nothing
});
