/** The thread of a rank that calls MPI, and goes on doing so while the main thread computes or waits for its device. */
import { RANK_ERRORS } from "./collective.ts";
import type { Launched } from "./launcher.ts";
import { MpiCalls } from "./mpi_calls.ts";

/** What the thread is asked to do. Arrays stay where they are: it is told their addresses. */
export type Asked =
  | { readonly kind: "join"; readonly started: Launched; readonly seconds: number }
  | { readonly kind: "sum"; readonly address: bigint; readonly length: number; readonly what: string }
  | {
    readonly kind: "send";
    readonly from: bigint;
    readonly to: bigint;
    readonly bytes: number;
    readonly alike: boolean;
    readonly what: string;
  }
  | { readonly kind: "gather"; readonly text: string; readonly what: string }
  | { readonly kind: "abort"; readonly status: number }
  | { readonly kind: "leave" };

/** What it answers, in the order in which it was asked. */
export type Answered =
  | { readonly value: unknown }
  | { readonly error: Named | "Error"; readonly message: string };

type Named = keyof typeof RANK_ERRORS;

const worker = self as unknown as {
  onmessage: (event: MessageEvent<Asked>) => void;
  postMessage(message: Answered): void;
};

let mpi: MpiCalls | undefined;
let last = Promise.resolve();

async function answer(asked: Exclude<Asked, { kind: "abort" }>): Promise<unknown> {
  switch (asked.kind) {
    case "join":
      mpi = await MpiCalls.join(asked.started, asked.seconds);
      return { rank: mpi.rank, size: mpi.size };
    case "sum":
      return await mpi!.sum(asked.address, asked.length, asked.what);
    case "send":
      return await mpi!.send(asked.from, asked.to, asked.bytes, asked.alike, asked.what);
    case "gather":
      return await mpi!.gather(asked.text, asked.what);
    case "leave":
      return await mpi!.leave();
  }
}

worker.onmessage = ({ data }) => {
  // This does not wait for its turn: what is under way may never end.
  if (data.kind === "abort") return mpi?.abort(data.status);
  last = last.then(() => answer(data)).then(
    (value) => worker.postMessage({ value }),
    (error) => {
      const names = Object.keys(RANK_ERRORS) as Named[];
      const known = names.find((name) => error instanceof RANK_ERRORS[name]);
      worker.postMessage({ error: known ?? "Error", message: error.message });
    },
  );
};
