/** What ranks tell each other before they train, and how a process knows that it is one. */
import assert from "node:assert/strict";
import { ALONE, any, firstAlone, mustBeAlike } from "../../src/distributed/collective.ts";
import {
  filesOfCards,
  mustNotShareDevices,
  processesOfRanks,
  type RankDevice,
  sharedDevices,
} from "../../src/app/rank_devices.ts";
import { launched, variablesOf } from "../../src/distributed/launcher.ts";
import { Post } from "../../src/distributed/post.ts";
import { Output } from "../../src/report/output.ts";
import { withVariables } from "../variables.ts";
import { asRanks, FORMS } from "./in_process.ts";

for (const [form, asForm] of Object.entries(FORMS)) {
  for (const [form, ranks] of Object.entries(FORMS)) {
    Deno.test(`each rank gets its part of what all have, and all of what each has: ${form}`, async () => {
      const found = await ranks(3, async (one) => {
        const own = Uint32Array.from([0, 1, 2, 3, 4, 5], (i) => 10 * one.rank + i);
        return [await one.exchange(own, "parts"), await one.collect(own.slice(0, 2), "all")];
      });
      assert.deepEqual(found.map(([parts]) => [...parts!]), [
        [0, 1, 10, 11, 20, 21],
        [2, 3, 12, 13, 22, 23],
        [4, 5, 14, 15, 24, 25],
      ]);
      for (const [, all] of found) assert.deepEqual([...all!], [0, 1, 10, 11, 20, 21]);
    });
  }

  Deno.test(`what one rank wishes, all do, ${form}`, async () => {
    for (const wishes of [[false, false, false], [false, false, true], [true, true, true]]) {
      const all = await asForm(3, (one) => any(one, wishes[one.rank]!, "wishing"));
      assert.deepEqual(all, wishes.map(() => wishes.includes(true)));
    }
    assert.equal(await any(ALONE, true, "wishing"), true);
  });

  Deno.test(`the first rank is done before the others begin, ${form}`, async () => {
    const order: string[] = [];
    await asForm(3, (one) =>
      firstAlone(one, "fetching", async () => {
        order.push(`${one.rank} begins`);
        await new Promise((resume) => setTimeout(resume, 5));
        order.push(`${one.rank} ends`);
      }));
    assert.deepEqual(order.slice(0, 2), ["0 begins", "0 ends"]);
    assert.equal(order.length, 6);
  });

  Deno.test(`ranks that were not started alike are refused by all, with what differs, ${form}`, async () => {
    const facts = (rank: number) => ({
      '"seed"': "1",
      ...(rank === 2 ? { "the adapter": "B" } : { "the adapter": "A" }),
    });
    const tried = await asForm(3, (one) => mustBeAlike(one, facts(one.rank)).then(() => "", String));
    const message =
      "UserError: Ranks must be started alike, but the adapter is A for rank 0 and B for rank 2";
    assert.deepEqual(tried, [message, message, message]);
    await asForm(3, (one) => mustBeAlike(one, facts(0)));
  });

  Deno.test(`messages come in their order, to whom they are for, until a rank closes the post, ${form}`, async () => {
    const heard = await asForm(3, async (one) => {
      const got: string[] = [];
      const post: Post<string> = new Post(one, (message, from) => {
        got.push(`${from}: ${message}`);
        if (one.rank > 0) post.send(0, `${message} back`);
        else if (got.length === 4) post.close();
      });
      if (one.rank === 0) { for (const to of [1, 2, 1, 2]) post.send(to, `to ${to}`); }
      await post.run();
      return got;
    });
    const back = (rank: number) => `${rank}: to ${rank} back`;
    assert.deepEqual(heard, [[back(1), back(1), back(2), back(2)], ["0: to 1", "0: to 1"], [
      "0: to 2",
      "0: to 2",
    ]]);
  });
}

Deno.test("a process is a rank where a launcher says that there are others", () => {
  const none = Object.fromEntries(
    ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "UNIS_LAUNCH"].map((
      name,
    ) => [name, undefined]),
  );
  const of = (variables: Record<string, string>) => {
    using _ = withVariables({ ...none, ...variables });
    return launched();
  };
  assert.equal(of({}), undefined);
  assert.equal(of({ PMI_SIZE: "1" }), undefined);
  assert.deepEqual(of({ PMI_SIZE: "4", PMI_RANK: "3" }), {
    size: 4,
    rank: 3,
    variable: "PMI_SIZE",
    isOpenMpi: false,
  });
  const slurm = of({ SLURM_STEP_NUM_TASKS: "2", SLURM_PROCID: "1" })!;
  assert.deepEqual([slurm.size, slurm.rank], [2, 1]);
  const place = { rank: 1, size: 3, port: 4321, key: "secret" };
  assert.deepEqual(of({ ...variablesOf(place), PMI_SIZE: "9" })?.place, place);
  assert.equal(of({ OMPI_COMM_WORLD_SIZE: "8", SLURM_STEP_NUM_TASKS: "1" })?.isOpenMpi, true);
});

Deno.test("which process a rank is, the start tells", async () => {
  const told = await asRanks(2, processesOfRanks);
  assert.equal(told[0], `on ${Deno.hostname()} 0 is ${Deno.pid}, 1 is ${Deno.pid}`);
});

Deno.test("the first rank prints, of another errors alone are shown, with its number", () => {
  const said = (rank: number) => {
    const lines: string[] = [];
    const { log, warn, error } = console;
    console.log = console.warn = console.error = (line: string) => lines.push(line);
    try {
      const output = new Output();
      output.open({}, [], rank);
      for (const kind of ["result", "note", "aside", "error"] as const) output[kind](kind);
    } finally {
      Object.assign(console, { log, warn, error });
    }
    return lines;
  };
  assert.deepEqual(said(0), ["result", "note", "aside", "error"]);
  assert.deepEqual(said(2), ["[rank 2] error"]);
});

Deno.test("two ranks on one card are refused where files of cards prove it, else one is warned; others are let be", () => {
  const on = (host: string | null, files: string[] | null, is_gpu = true, identity = "A"): RankDevice => {
    return { host, name: "A100", identity, is_gpu, files };
  };
  const cases: [why: string, ranks: RankDevice[], found: string | undefined][] = [
    ["one card", [on("a", ["0"]), on("a", ["0"])], "error"],
    ["three ranks, two cards", [on("a", ["0", "1"]), on("a", ["0", "1"]), on("a", ["1"])], "error"],
    ["cards enough, but each rank may open all", [on("a", ["0", "1"]), on("a", ["0", "1"])], "warning"],
    ["not to be looked at", [on("a", null), on("a", null)], "warning"],
    ["not to be looked at by one", [on("a", ["0"]), on("a", null)], "warning"],
    ["a card for each", [on("a", ["0"]), on("a", ["1"])], undefined],
    ["two hosts", [on("a", ["0"]), on("b", ["0"])], undefined],
    ["hosts without a name", [on(null, ["0"]), on(null, ["0"])], undefined],
    ["cards of two kinds", [on("a", ["0"]), on("a", ["0"], true, "B")], undefined],
    ["software", [on("a", null, false), on("a", null, false)], undefined],
  ];
  for (const [why, ranks, found] of cases) assert.equal(sharedDevices(ranks)[0]?.severity, found, why);
  assert.match(
    sharedDevices([on("b", ["7"]), on("a", ["7"]), on("b", ["7"])])[0]!.what,
    /^Ranks 0, 2 on b .* 1: 7$/,
  );
});

Deno.test("a rank's card is reached by NVIDIA's own file, or by the kernel's", () => {
  const all = ["/dev/dri/renderD128", "/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl"].map((path) => ({
    path,
    usable: path !== "/dev/nvidia1",
  }));
  assert.deepEqual(filesOfCards("4318 | NVIDIA A100", all), ["/dev/nvidia0"]);
  assert.deepEqual(filesOfCards("4098 | AMD MI300", all), ["/dev/dri/renderD128"]);
  assert.deepEqual(filesOfCards("4318 | NVIDIA A100 (NVK)", all.slice(0, 1)), ["/dev/dri/renderD128"]);
  assert.equal(filesOfCards("4098 | AMD MI300", null), null);
});

Deno.test("ranks on one software adapter train, those on one GPU are told", async () => {
  const gpu = (adapterClass: "gpu" | "software") => ({ name: "One", identity: "one", adapterClass });
  const notes: string[] = [];
  const asked = (adapterClass: "gpu" | "software") =>
    asRanks(2, (one) => mustNotShareDevices(one, gpu(adapterClass), (note) => notes.push(note)));
  await asked("software");
  assert.equal(notes.length, 0);
  // Where this machine has files of cards for this user, they are the same for both.
  await asked("gpu").catch((error) => notes.push(String(error)));
  assert.match(notes[0]!, /Ranks 0, 1 on .* compute on One,/);
});
