/** What a rank asks of MPI. */
import { setImmediate, setTimeout } from "node:timers/promises";
import { UserError } from "../base/user_error.ts";
import { RankMissing } from "./collective.ts";
import type { Launched } from "./launcher.ts";
import { type MpiLibrary, openMpi } from "./mpi_library.ts";

/** Bytes of the largest MPI_Status that there is, with room. */
const STATUS_BYTES = 256;
/** So long a call is asked for without a break, in milliseconds; then there is a break of the same length after each time. */
const EAGER = 2;
/** Elements from which on ranks first wait for each other, and then make no break: the exchange goes on while it is asked for. */
const LARGE = 2 ** 16;
/** Tells a word that a rank is there from all else. */
const PRESENCE_TAG = 17;
/** Milliseconds in which a rank that waits answers others that do. */
const PRESENCE = 3000;

const at = (address: bigint) => Deno.UnsafePointer.create(address);

/**
 * No call blocks: each is begun, and asked for until it has ended, or made on another thread, so that timers go on, and a rank that
 * waits does not take the processor from one that computes. There is one at a time.
 */
export class MpiCalls {
  readonly rank: number;
  readonly size: number;
  readonly #mpi: MpiLibrary;
  /** Milliseconds after which others count as missing. */
  readonly #patience: number;
  /** What calls under way read and write: nothing else may keep it from being collected. */
  readonly #held = new Set<ArrayBufferView>();

  private constructor(mpi: MpiLibrary, patience: number) {
    this.#mpi = mpi;
    this.#patience = patience;
    const number = new Int32Array(1);
    mpi.call.MPI_Comm_rank(mpi.world, number);
    this.rank = number[0]!;
    mpi.call.MPI_Comm_size(mpi.world, number);
    this.size = number[0]!;
  }

  /**
   * Joins the others. Throws a UserError where there is no library, or another than the launcher's, and `RankMissing` where not all
   * come within so many seconds.
   */
  static async join(started: Launched, seconds: number): Promise<MpiCalls> {
    const library = openMpi(started);
    const { call, serialized, name } = library;
    await inTime(call.MPI_Init_thread(null, null, serialized, new Int32Array(1)), 1000 * seconds, "MPI_Init");
    const mpi = new MpiCalls(library, 1000 * seconds);
    if (mpi.size === started.size) return mpi;
    await call.MPI_Finalize();
    throw new UserError(
      `The launcher started ${started.size} processes (${started.variable}), but by ${name} each is one of ${mpi.size}: ` +
        "the library is not the launcher's. Name the one that is by UNIS_MPI, or start with the mpirun that belongs to it " +
        "(for srun, --mpi=pmi2 or --mpi=pmix)",
    );
  }

  /** Adds up so many values of f32 over all ranks, in place. Here and below memory must stay where it is. */
  async sum(address: bigint, length: number, what: string): Promise<void> {
    const { call, inPlace, float, sum, world } = this.#mpi;
    await this.#transfer(length, what, (request) => {
      call.MPI_Iallreduce(inPlace, at(address), length, float, sum, world, request);
    });
  }

  /** Sends so many bytes to each rank, and receives as many of each: `MPI_Ialltoall`; with `alike`, the same bytes to all. */
  async send(from: bigint, to: bigint, bytes: number, alike: boolean, what: string): Promise<void> {
    const { call, byte, world } = this.#mpi;
    const name = alike ? "MPI_Iallgather" : "MPI_Ialltoall";
    await this.#transfer(bytes / 4, what, (request) => {
      call[name](at(from), bytes, byte, at(to), bytes, byte, world, request);
    });
  }

  async #transfer(
    length: number,
    what: string,
    begin: (request: BigUint64Array<ArrayBuffer>) => void,
  ): Promise<void> {
    const { call, world } = this.#mpi;
    const request = new BigUint64Array(1);
    const isLarge = length >= LARGE;
    if (isLarge) {
      call.MPI_Ibarrier(world, request);
      await this.#end(request, what);
    }
    begin(request);
    await this.#end(request, what, [], isLarge);
  }

  /** A text of each rank, by rank. */
  async gather(text: string, what: string): Promise<string[]> {
    const own = new TextEncoder().encode(text);
    const sizes = await this.#gatherBytes(new Uint8Array(Uint32Array.of(own.length).buffer), what);
    const lengths = Array.from(new Uint32Array(sizes.buffer));
    const longest = Math.max(...lengths);
    const padded = new Uint8Array(longest);
    padded.set(own);
    const all = await this.#gatherBytes(padded, what);
    return lengths.map((length, rank) =>
      new TextDecoder().decode(all.subarray(rank * longest, rank * longest + length))
    );
  }

  /** Ends all ranks at once, with this exit status. */
  abort(status: number): void {
    this.#mpi.call.MPI_Abort(this.#mpi.world, status);
  }

  /** Takes leave of the others: all ranks do, and call nothing else afterwards. */
  async leave(): Promise<void> {
    await this.gather("", "the end of the others");
    await inTime(this.#mpi.call.MPI_Finalize(), this.#patience, "MPI_Finalize");
  }

  /** As many bytes of each rank, by rank. */
  async #gatherBytes(own: Uint8Array<ArrayBuffer>, what: string): Promise<Uint8Array<ArrayBuffer>> {
    const { call, byte, world } = this.#mpi;
    const all = new Uint8Array(own.length * this.size);
    const request = new BigUint64Array(1);
    const [from, to] = [Deno.UnsafePointer.of(own), Deno.UnsafePointer.of(all)];
    call.MPI_Iallgather(from, own.length, byte, to, own.length, byte, world, request);
    await this.#end(request, what, [own, all]);
    return all;
  }

  /** Waits for a call that was begun, which until then may use the arrays. Throws `RankMissing`. */
  async #end(
    request: BigUint64Array<ArrayBuffer>,
    what: string,
    arrays: readonly ArrayBufferView[] = [],
    withoutBreak = false,
  ): Promise<void> {
    for (const array of [request, ...arrays]) this.#held.add(array);
    const begin = performance.now();
    while (!this.#hasEnded(request)) {
      const waited = performance.now() - begin;
      if (waited > this.#patience) throw await this.#missing(what);
      if (withoutBreak || waited < EAGER) await setImmediate();
      else await setTimeout(EAGER);
    }
    for (const array of [request, ...arrays]) this.#held.delete(array);
  }

  #hasEnded(request: BigUint64Array<ArrayBuffer>): boolean {
    const flag = new Int32Array(1);
    this.#mpi.call.MPI_Test(request, flag, new Uint8Array(STATUS_BYTES));
    return flag[0] !== 0;
  }

  /** All ranks that wait tell each other; those that say nothing are missing. */
  async #missing(what: string): Promise<RankMissing> {
    const { call, byte, world } = this.#mpi;
    const others = Array.from({ length: this.size }, (_, rank) => rank).filter((rank) => rank !== this.rank);
    const begun = (name: "MPI_Isend" | "MPI_Irecv", rank: number) => {
      const [word, request] = [new Uint8Array(1), new BigUint64Array(1)];
      for (const array of [word, request]) this.#held.add(array);
      call[name](word, 1, byte, rank, PRESENCE_TAG, world, request);
      return request;
    };
    for (const rank of others) begun("MPI_Isend", rank);
    let silent = others.map((rank) => ({ rank, request: begun("MPI_Irecv", rank) }));
    const begin = performance.now();
    while (silent.length > 0 && performance.now() - begin < PRESENCE) {
      silent = silent.filter(({ request }) => !this.#hasEnded(request));
      await setTimeout(50);
    }
    const names = silent.map(({ rank }) => rank).join(", ");
    return new RankMissing(
      `Waited ${this.#patience / 1000} s for rank ${names || "unknown"} (UNIS_MPI_TIMEOUT) in: ${what}`,
    );
  }
}

/** Throws `RankMissing` where a call in which all ranks meet does not end within so many milliseconds. */
async function inTime(call: Promise<number>, patience: number, what: string): Promise<void> {
  const isLate = await Promise.race([call.then(() => false), setTimeout(patience, true, { ref: false })]);
  if (isLate) {
    throw new RankMissing(`Waited ${patience / 1000} s for other ranks (UNIS_MPI_TIMEOUT) in: ${what}`);
  }
}
