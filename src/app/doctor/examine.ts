/** Looks at all that decides whether, and how fast, this machine trains. */
import { UserError } from "../../base/user_error.ts";
import { VERSION } from "../../base/version.ts";
import { listAdapters, type ListedAdapter } from "../../gpu/adapter_list.ts";
import { Gpu } from "../../gpu/gpu.ts";
import { measureCeilings } from "../../ops/ceilings.ts";
import { findWrongResult } from "../../ops/self_test.ts";
import { loadDawn } from "../backend.ts";
import { type RankDevice, sharedDevices } from "../rank_devices.ts";
import { type BaseSizes, measureProduct, planBaseSizes, type Rates } from "./base_sizes.ts";
import { DENO_SYSTEM } from "./deno_system.ts";
import { diagnose, isReady } from "./diagnose.ts";
import { examineHost, type HostFacts } from "./host.ts";
import { examinePlaces, type Place } from "./places.ts";
import type { Problem } from "./problem.ts";

/** The object that `unis doctor --json` prints: keys are added, and never change their meaning. */
export interface Examination {
  readonly unis: string;
  /** Whether training would run. */
  readonly ready: boolean;
  readonly problems: readonly Problem[];
  readonly host: HostFacts;
  readonly adapters: readonly ExaminedAdapter[];
  /** Those of `--backend dawn`, or why it is not at hand. */
  readonly dawn: { readonly adapters: readonly ExaminedAdapter[]; readonly fault: string | null };
  readonly used: Used | null;
  readonly base_sizes: BaseSizes | null;
  readonly places: readonly Place[];
  /** The devices of the ranks that a launcher of MPI started, by rank; none without one. */
  readonly ranks: readonly RankDevice[];
}

export type ExaminedAdapter = Omit<ListedAdapter, "isSoftware"> & { readonly is_software: boolean };

/** The adapter that training would compute on. */
export interface Used {
  readonly name: string;
  readonly reason: string;
  readonly self_test: { readonly passed: boolean; readonly fault: string | null };
  /** Lanes of subgroups that were seen to compute rightly; 0 where they are not used. */
  readonly subgroup: number;
  /** Null where the adapter tells no times. */
  readonly rates: Rates | null;
}

/** Examines this machine, on which ranks may have these devices; `note` is told what takes a while. */
export async function examine(
  note: (message: string) => void,
  ranks: readonly RankDevice[] = [],
): Promise<Examination> {
  const host = examineHost(DENO_SYSTEM);
  const places = examinePlaces();
  const adapters = await listAdapters();
  const listed = adapters.find(({ requests }) => requests.includes("high-performance")) ?? null;
  const tried = listed === null ? null : await tryAdapter(listed, adapters, note);
  const used = tried?.used ?? null;
  const base_sizes = tried?.base_sizes ?? null;
  const facts = { host, adapters, used: listed, fault: used?.self_test.fault ?? null, places, base_sizes };
  const problems = [...sharedDevices(ranks), ...diagnose({ ...facts, too_large: tried?.too_large ?? null })];
  return {
    unis: VERSION,
    ready: isReady(problems),
    problems,
    host,
    adapters: adapters.map(examined),
    dawn: await examineDawn(),
    used,
    base_sizes,
    places,
    ranks,
  };
}

function examined({ isSoftware: is_software, ...adapter }: ListedAdapter): ExaminedAdapter {
  return { ...adapter, is_software };
}

async function examineDawn(): Promise<Examination["dawn"]> {
  const dawn = await loadDawn();
  if (typeof dawn === "string") return { adapters: [], fault: dawn };
  return { adapters: (await listAdapters(dawn)).map(examined), fault: null };
}

interface Tried {
  readonly used: Used;
  readonly base_sizes: BaseSizes | null;
  /** Why encoders of base size do not fit; null where they do. */
  readonly too_large: string | null;
}

/** Opens the adapter that training would use, tests and measures it. */
async function tryAdapter(
  listed: ListedAdapter,
  adapters: readonly ListedAdapter[],
  note: (message: string) => void,
): Promise<Tried> {
  const used = { name: listed.name, reason: reasonFor(listed, adapters) };
  const failed = (fault: string, subgroup: number): Tried => ({
    used: { ...used, self_test: { passed: false, fault }, subgroup, rates: null },
    base_sizes: null,
    too_large: null,
  });
  note(`Testing and measuring ${listed.name} ...`);
  let gpu: Gpu | undefined;
  try {
    gpu = await Gpu.open();
    const wrong = await findWrongResult(gpu);
    if (wrong !== undefined) return failed(wrong, gpu.subgroup);
    const rates = gpu.features.has("timestamp-query")
      ? { ...await measureCeilings(gpu), product: await measureProduct(gpu) }
      : null;
    gpu.trim();
    return {
      used: { ...used, self_test: { passed: true, fault: null }, subgroup: gpu.subgroup, rates },
      ...sizes(gpu, rates),
    };
  } catch (error) {
    // A driver that cannot do what the kernels need says so in words of its own.
    return failed(error instanceof Error ? error.message : String(error), gpu?.subgroup ?? 0);
  } finally {
    gpu?.destroy();
  }
}

function sizes(gpu: Gpu, rates: Rates | null): Pick<Tried, "base_sizes" | "too_large"> {
  try {
    return { base_sizes: planBaseSizes(gpu, rates), too_large: null };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { base_sizes: null, too_large: error.message };
  }
}

function reasonFor({ isSoftware }: ListedAdapter, adapters: readonly ListedAdapter[]): string {
  const kind = isSoftware ? "it computes on the processor" : "a GPU";
  if (adapters.length === 1) return `the only one there is; ${kind}`;
  return `the one that the system gives for high performance; ${kind}. --device cpu takes the software adapter`;
}
