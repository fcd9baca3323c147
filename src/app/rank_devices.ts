/** Which process and device each rank of a job has, and whether two of them share a device, as far as that can be known. */
import { UserError } from "../base/user_error.ts";
import type { Collective } from "../distributed/collective.ts";
import { describeAdapter, requestAdapter } from "../gpu/adapter.ts";
import { backendOf } from "../gpu/backend.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { type DeviceFile, deviceFilesOf } from "./doctor/host.ts";
import { DENO_SYSTEM } from "./doctor/deno_system.ts";
import type { Problem } from "./doctor/problem.ts";

/** What a rank tells of its place. */
export interface RankDevice {
  /** The name of its host; null where that may not be asked for. */
  readonly host: string | null;
  /** The adapter that `--device auto` opens; null where there is none. */
  readonly name: string | null;
  /** All that WebGPU tells of the adapter: cards of one kind have the same. */
  readonly identity: string;
  readonly is_gpu: boolean;
  /** Files of cards that it may open; null where it may not look (only programs with `-A` may), or the system has none. */
  readonly files: readonly string[] | null;
}

/**
 * Compares the devices that ranks have opened. Throws a UserError where two surely share one; `note` is told where they may.
 * A collective call.
 */
export async function mustNotShareDevices(
  collective: Collective,
  { name, identity, adapterClass }: Pick<Gpu, "name" | "identity" | "adapterClass">,
  note: (message: string) => void,
): Promise<void> {
  if (collective.size === 1) return;
  const own = deviceOfRank(name, identity, adapterClass === "gpu");
  for (const { severity, what, cure } of sharedDevices(await compare(collective, own))) {
    if (severity === "error") throw new UserError(`${what}; ${cure}`);
    note(`Devices     ${what}; ${cure}`);
  }
}

/** The devices that ranks would open, by rank; none where there is one process. A collective call. */
export async function devicesOfRanks(collective: Collective): Promise<RankDevice[]> {
  if (collective.size === 1) return [];
  const adapter = await requestAdapter("high-performance", navigator.gpu);
  if (adapter === null) return await compare(collective, deviceOfRank(null, "", false));
  const { name, identity, isSoftware } = describeAdapter(adapter, backendOf(navigator.gpu));
  return await compare(collective, deviceOfRank(name, identity, !isSoftware));
}

function compare(collective: Collective, own: RankDevice): Promise<RankDevice[]> {
  return collective.gather(own, "comparing devices");
}

function deviceOfRank(name: string | null, identity: string, isGpu: boolean): RankDevice {
  const all = Deno.build.os === "linux" && isGpu ? deviceFilesOf(DENO_SYSTEM) : null;
  return { host: hostname(), name, identity, is_gpu: isGpu, files: filesOfCards(identity, all) };
}

/** NVIDIA's driver opens a card by a file of its own, all others by the kernel's. */
export function filesOfCards(identity: string, all: readonly DeviceFile[] | null): string[] | null {
  const usable = (all ?? []).filter(({ usable }) => usable).map(({ path }) => path);
  const nvidia = /nvidia/i.test(identity) ? usable.filter((path) => /^\/dev\/nvidia\d/.test(path)) : [];
  const files = nvidia.length > 0 ? nvidia : usable.filter((path) => path.startsWith("/dev/dri/"));
  return files.length > 0 ? files : null;
}

/**
 * Which process on which host each rank is, such as "on vm 0 is 211, 1 is 212": launchers name those that end badly, and signals
 * are sent to them. A collective call.
 */
export async function processesOfRanks(collective: Collective): Promise<string> {
  const all = await collective.gather({ host: hostname(), pid: Deno.pid }, "telling processes");
  const hosts = Map.groupBy(all.map((one, rank) => ({ ...one, rank })), ({ host }) => host ?? "a host");
  return [...hosts].map(([host, own]) =>
    `on ${host} ${own.map(({ rank, pid }) => `${rank} is ${pid}`).join(", ")}`
  )
    .join("; ");
}

function hostname(): string | null {
  try {
    return Deno.hostname();
  } catch {
    return null;
  }
}

/**
 * Ranks on one host with the same kind of GPU, where they share one or may do so. WebGPU does not tell equal cards apart, but files
 * do: where there are fewer than ranks, two share one; where no two ranks may open the same, none do; else it is not known.
 * Software adapters may be shared.
 */
export function sharedDevices(devices: readonly RankDevice[]): Problem[] {
  const groups = Map.groupBy(
    devices.map((device, rank) => ({ ...device, rank })).filter(({ is_gpu }) => is_gpu),
    ({ host, identity }) => `${host}\n${identity}`,
  );
  return [...groups.values()].flatMap((group): Problem[] => {
    const { host, name } = group[0]!;
    if (group.length === 1 || host === null) return [];
    const all = group.flatMap(({ files }) => files ?? []);
    const different = new Set(all);
    const areKnown = group.every(({ files }) => files !== null);
    if (areKnown && different.size === all.length) return [];
    const isCertain = areKnown && different.size < group.length;
    const ranks = `Ranks ${group.map(({ rank }) => rank).join(", ")} on ${host}`;
    return [{
      id: "ranks_share_device",
      severity: isCertain ? "error" : "warning",
      what: isCertain
        ? `${ranks} compute on ${name}, of which they may open ${different.size}: ${
          [...different].join(", ")
        }`
        : `${ranks} all compute on ${name}, and WebGPU does not tell whether that is one card or several`,
      cure: isCertain ? `start no more ranks than there are cards, or ${CURE}` : `make sure of it: ${CURE}`,
    }];
  });
}

const CURE = "show each rank a card of its own (docs/distributed.md, A GPU for each rank)";
