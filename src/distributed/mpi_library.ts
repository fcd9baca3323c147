/** Finds the MPI library of a launcher and opens it, by whichever of three binary interfaces it has. */
import { UserError } from "../base/user_error.ts";
import type { Launched } from "./launcher.ts";

/** A communicator, a type or an operation: a number, or an address. */
type Handle = number | Deno.PointerValue;

/** What a binary interface calls things. */
interface Handles {
  readonly world: Handle;
  readonly float: Handle;
  readonly byte: Handle;
  readonly sum: Handle;
  readonly inPlace: Deno.PointerValue;
  /** The level of threads in which several call MPI, one after the other. */
  readonly serialized: number;
}

const functionsOf = <H extends "i32" | "pointer">(handle: H) => ({
  MPI_Get_library_version: { parameters: ["buffer", "buffer"], result: "i32" },
  // The first and the last wait for all ranks, however long that takes: on another thread.
  MPI_Init_thread: {
    parameters: ["pointer", "pointer", "i32", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  MPI_Comm_rank: { parameters: [handle, "buffer"], result: "i32" },
  MPI_Comm_size: { parameters: [handle, "buffer"], result: "i32" },
  MPI_Iallreduce: {
    parameters: ["pointer", "pointer", "i32", handle, handle, handle, "buffer"],
    result: "i32",
  },
  MPI_Iallgather: {
    parameters: ["pointer", "i32", handle, "pointer", "i32", handle, handle, "buffer"],
    result: "i32",
  },
  MPI_Ialltoall: {
    parameters: ["pointer", "i32", handle, "pointer", "i32", handle, handle, "buffer"],
    result: "i32",
  },
  MPI_Ibarrier: { parameters: [handle, "buffer"], result: "i32" },
  MPI_Isend: { parameters: ["buffer", "i32", handle, "i32", "i32", handle, "buffer"], result: "i32" },
  MPI_Irecv: { parameters: ["buffer", "i32", handle, "i32", "i32", handle, "buffer"], result: "i32" },
  MPI_Test: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  MPI_Abort: { parameters: [handle, "i32"], result: "i32" },
  MPI_Finalize: { parameters: [], result: "i32", nonblocking: true },
} as const);

const byNumber = functionsOf("i32");
const byAddress = functionsOf("pointer");
/** By number and by address they differ in the type of handles alone. */
type Functions = {
  readonly [Name in keyof typeof byNumber]: (
    ...values: (Handle | ArrayBufferView<ArrayBuffer>)[]
  ) => typeof byNumber[Name] extends { nonblocking: true } ? Promise<number> : number;
};

export interface MpiLibrary extends Handles {
  readonly name: string;
  readonly call: Functions;
}

const MAC = Deno.build.os === "darwin";
const ABI = MAC ? ["libmpi_abi.dylib"] : ["libmpi_abi.so.1", "libmpi_abi.so.0", "libmpi_abi.so"];
/** Of MPICH, Intel MPI, MVAPICH and Cray; Debian's name is the second. */
const MPICH = MAC ? ["libmpi.12.dylib"] : ["libmpi.so.12", "libmpich.so.12"];
const OPEN_MPI = MAC ? ["libmpi.40.dylib"] : ["libmpi.so.40"];

/**
 * Opens the library that UNIS_MPI names, or the first there is of those that go with the launcher. Throws a UserError where there
 * is none, or one that is not known.
 */
export function openMpi({ size, variable, isOpenMpi }: Launched): MpiLibrary {
  const named = Deno.env.get("UNIS_MPI");
  const names = named !== undefined
    ? [named]
    : isOpenMpi
    ? [...OPEN_MPI, ...ABI, ...MPICH]
    : [...ABI, ...MPICH, ...OPEN_MPI];
  const reasons: string[] = [];
  for (const name of names) {
    try {
      return load(name);
    } catch (error) {
      if (error instanceof UserError) throw error;
      reasons.push(describe(error, name));
    }
  }
  throw new UserError(
    `A launcher started ${size} processes (${variable}), but no MPI library can be loaded: ${
      named === undefined
        ? `there is none of ${
          names.join(", ")
        } where libraries are looked for. Name the launcher's by UNIS_MPI`
        : reasons[0]
    }`,
  );
}

function load(name: string): MpiLibrary {
  // The functions of all three are called alike but for handles; this one takes none.
  const { MPI_Get_library_version } = byAddress;
  const version = new Uint8Array(8192);
  const probe = Deno.dlopen(name, { MPI_Get_library_version });
  probe.symbols.MPI_Get_library_version(version, new Int32Array(1));
  const text = new TextDecoder().decode(version.subarray(0, version.indexOf(0)));
  if (/libmpi_abi/.test(name)) return { name, ...opened(name, byAddress), ...standard() };
  if (/Open MPI/.test(text)) return { name, ...opened(name, byAddress), ...addressesIn(name) };
  if (/MPICH|Intel|MVAPICH|CRAY/i.test(text)) return { name, ...opened(name, byNumber), ...numbers() };
  throw new UserError(
    `Cannot use the MPI library ${name}: it is ${
      text.split("\n")[0]
    }, and known are MPICH, those of its interface, Open MPI ` +
      "and libmpi_abi",
  );
}

/** It stays open to the end of the process, as MPI cannot be begun twice. */
function opened(name: string, functions: typeof byNumber | typeof byAddress): { call: Functions } {
  return { call: Deno.dlopen(name, functions).symbols as unknown as Functions };
}

/** Only with --allow-ffi, and so never before a launcher is known to have started this process. */
const address = (value: bigint) => Deno.UnsafePointer.create(value);

/** The standard interface of MPI 5: handles are small addresses. */
const standard = (): Handles => ({
  world: address(0x101n),
  float: address(0x210n),
  byte: address(0x247n),
  sum: address(0x21n),
  inPlace: address(1n),
  serialized: 2048,
});

/** That of MPICH. */
const numbers = (): Handles => ({
  world: 0x44000000,
  float: 0x4c00040a,
  byte: 0x4c00010d,
  sum: 0x58000003,
  inPlace: address(0xffff_ffff_ffff_ffffn),
  serialized: 2,
});

const RTLD_NOW_AND_GLOBAL = MAC ? 0x2 | 0x8 : 0x2 | 0x100;

/** That of Open MPI: handles are the addresses of variables, which Deno cannot ask for, but libc can. */
function addressesIn(name: string): Handles {
  const libc = Deno.dlopen(MAC ? "libSystem.B.dylib" : "libc.so.6", {
    dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
    dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
  });
  const text = (value: string) => new TextEncoder().encode(`${value}\0`);
  const library = libc.symbols.dlopen(text(name), RTLD_NOW_AND_GLOBAL);
  const of = (symbol: string) => libc.symbols.dlsym(library, text(symbol));
  return {
    world: of("ompi_mpi_comm_world"),
    float: of("ompi_mpi_float"),
    byte: of("ompi_mpi_byte"),
    sum: of("ompi_mpi_op_sum"),
    inPlace: address(1n),
    serialized: 2,
  };
}

function describe(error: unknown, name: string): string {
  if (error instanceof Deno.errors.NotCapable) {
    throw new UserError(
      "Cannot load MPI: Deno loads native libraries only with --allow-ffi, which sh scripts/run.sh grants to what a launcher starts",
    );
  }
  return `UNIS_MPI names ${name}: ${error instanceof Error ? error.message : String(error)}`;
}
