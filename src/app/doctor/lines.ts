/** An examination as lines for the console. */
import { formatBytes, formatSeconds } from "../../report/units.ts";
import type { BaseSizes, Rates } from "./base_sizes.ts";
import type { Examination, ExaminedAdapter, Used } from "./examine.ts";
import type { HostFacts } from "./host.ts";
import type { RankDevice } from "../rank_devices.ts";
import type { Place } from "./places.ts";

export function examinationLines(examination: Examination): string[] {
  const { unis, ready, problems, host, adapters, dawn, used, base_sizes, places, ranks } = examination;
  const rows: [name: string, text: string][] = [
    ["unis", `${unis}, Deno ${host.deno}`],
    ["System", systemLine(host)],
    ["Memory", memoryLine(host)],
    ...graphics(host),
    ...adapterRows("Adapters", adapters),
    ...dawn.fault === null
      ? adapterRows("Dawn", dawn.adapters)
      : [["Dawn", `not at hand: ${dawn.fault}`] as [string, string]],
    ...ranks.map((rank, i): [string, string] => ["Ranks", rankText(rank, i)]),
    ...used === null ? [] : usedRows(used),
    ...base_sizes === null ? [] : baseRows(base_sizes),
    ...places.map(({ name, path, fault, free }): [string, string] => [
      PLACES[name],
      `${path}: ${fault === null ? "can be written" : `cannot be written, ${fault}`}${
        free === null ? "" : `, ${formatBytes(free)} free`
      }`,
    ]),
  ];
  return [
    ...inColumns(rows),
    "",
    ...problems.flatMap(({ severity, what, cure }) => [
      `${LABELS[severity].padEnd(WIDTH)}${what}`,
      `${"".padEnd(WIDTH)}-> ${cure}`,
    ]),
    ready ? "Training runs here." : "Training does not run here.",
  ];
}

const WIDTH = 12;
const LABELS = { error: "Error", warning: "Warning", note: "Note" } as const;
const PLACES: Readonly<Record<Place["name"], string>> = {
  cache: "Cache",
  hub_cache: "Hub cache",
  runs: "Runs",
};

/** A name stands before the first of its rows only. */
function inColumns(rows: readonly (readonly [name: string, text: string])[]): string[] {
  return rows.map(([name, text], i) => `${(rows[i - 1]?.[0] === name ? "" : name).padEnd(WIDTH)}${text}`);
}

function systemLine({ name, arch, kernel, is_wsl, container, cores }: HostFacts): string {
  const within = [...is_wsl ? ["WSL"] : [], ...container === null ? [] : [`container: ${container}`]];
  return [name, arch, ...kernel === null ? [] : [`kernel ${kernel}`], ...within, `${cores} cores`].join(", ");
}

function memoryLine({ memory }: HostFacts): string {
  if (memory === null) return "not known";
  return `${formatBytes(memory.total)}, ${formatBytes(memory.available)} of them free`;
}

function graphics(host: HostFacts): [string, string][] {
  const { os, cards, device_files, vulkan_drivers, nvidia_module, environment } = host;
  const set = Object.entries(environment).map(([name, value]): [string, string] => [
    "Environment",
    `${name}=${value}`,
  ]);
  if (os !== "linux") return set;
  const names = cards?.map(({ vendor, address }) => `${vendor} at ${address}`);
  const files = device_files?.map(({ path, usable }) => usable ? path : `${path} (not for this user)`);
  return [
    ["Graphics", `cards: ${names === undefined ? "not to be seen" : names.join(", ") || "none"}`],
    ["Graphics", `device files: ${files === undefined ? "not to be seen" : files.join(", ") || "none"}`],
    ...nvidia_module === null
      ? []
      : [["Graphics", `NVIDIA's kernel module ${nvidia_module}`] as [string, string]],
    ...vulkan_drivers.length === 0
      ? [["Vulkan", "no drivers"] as [string, string]]
      : vulkan_drivers.map(({ file, api_version }): [string, string] => [
        "Vulkan",
        `${file}${api_version === null ? "" : ` (Vulkan ${api_version})`}`,
      ]),
    ...set,
  ];
}

function adapterRows(title: string, adapters: readonly ExaminedAdapter[]): [string, string][] {
  const texts = adapters.length === 0 ? ["none"] : adapters.flatMap(adapterTexts);
  return texts.map((text) => [title, text]);
}

function adapterTexts(
  { name, vendor, is_software, requests, features, limits }: ExaminedAdapter,
): string[] {
  const has = (feature: string) => features.includes(feature) ? "yes" : "no";
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize } = limits;
  return [
    `${name} (${vendor}${is_software ? ", software" : ""}); asked for by ${requests.join(", ")}`,
    `f16 ${has("shader-f16")}, timestamps ${has("timestamp-query")}`,
    `a binding ${formatBytes(limits.maxStorageBufferBindingSize)}, a buffer ${
      formatBytes(limits.maxBufferSize)
    }, a workgroup ${maxComputeInvocationsPerWorkgroup} invocations and ${
      formatBytes(maxComputeWorkgroupStorageSize)
    }`,
  ];
}

function rankText({ host, name, files }: RankDevice, rank: number): string {
  const where = host === null ? "" : ` on ${host}`;
  return `${rank}${where}: ${name ?? "no adapter"}${files === null ? "" : `; may open ${files.join(", ")}`}`;
}

function usedRows({ name, reason, self_test, subgroup, rates }: Used): [string, string][] {
  const lanes = subgroup > 0 ? `, in subgroups of ${subgroup} lanes` : ", without subgroups";
  return [
    ["Used", `${name}: ${reason}${lanes}`],
    ["Self-test", self_test.passed ? "passed" : `failed: ${self_test.fault}`],
    ["Ceilings", rates === null ? "not measured: the adapter tells no times" : ratesLine(rates)],
  ];
}

function ratesLine({ f32, f16, bytes, product }: Rates): string {
  return [
    `${giga(f32)} GFLOP/s in f32`,
    ...f16 === undefined ? [] : [`${giga(f16)} in f16`],
    `copies ${giga(bytes)} GB/s`,
    `a matrix product ${giga(product)} GFLOP/s`,
  ].join(", ");
}

function baseRows({ model, batch, memory, operations, seconds, least_seconds }: BaseSizes) {
  const time = seconds === null || least_seconds === null
    ? "how long is not known, since the adapter tells no times"
    : `about ${about(seconds)}, an estimate from the rate of the product, and no less than ${
      about(least_seconds)
    }`;
  const rows = [
    `${model}: ${formatBytes(memory.held)} in micro-batches of ${memory.micro_batch} (weights, gradients, ` +
    `moments ${formatBytes(memory.weights + memory.gradients + memory.moments)}; activations ${
      formatBytes(memory.activations)
    })`,
    `a step of ${batch} samples takes ${giga(operations)} GFLOP: ${time}`,
  ];
  return rows.map((text): [string, string] => ["Base sizes", text]);
}

function about(seconds: number): string {
  return seconds < 1
    ? `${(1000 * seconds).toFixed(0)} ms`
    : seconds < 100
    ? `${seconds.toFixed(1)} s`
    : formatSeconds(seconds);
}

function giga(value: number): string {
  return (value / 1e9).toFixed(value < 1e10 ? 2 : value < 1e11 ? 1 : 0);
}
