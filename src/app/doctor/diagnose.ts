/** From what was found on a machine to what is wrong with it, and what helps. */
import type { ListedAdapter } from "../../gpu/adapter_list.ts";
import { formatBytes } from "../../report/units.ts";
import { BASE_SIZES, type BaseSizes } from "./base_sizes.ts";
import { graphicsCauses, wrongBackend } from "./graphics_causes.ts";
import type { HostFacts } from "./host.ts";
import type { Place } from "./places.ts";
import type { Cause, Problem, Severity } from "./problem.ts";

/** All that problems are seen in. */
export interface Facts {
  readonly host: HostFacts;
  readonly adapters: readonly ListedAdapter[];
  /** The adapter of these that `--device auto` opens; null where there is none. */
  readonly used: ListedAdapter | null;
  /** The fault that the self-test found; null where it passed or there was nothing to test. */
  readonly fault: string | null;
  readonly places: readonly Place[];
  readonly base_sizes: BaseSizes | null;
  /** Why encoders of base size cannot be trained; null where they can, or where it is not known. */
  readonly too_large: string | null;
}

/** The first Deno that has all of WebGPU that is used. */
const LEAST_DENO = [2, 9];

/** The problems of a machine, the worst first. */
export function diagnose(facts: Facts): Problem[] {
  const { host, used } = facts;
  const isOpenGl = runsOnOpenGl(facts);
  // What keeps a GPU from being seen is no problem where one is used.
  const causes = used === null || used.isSoftware || isOpenGl ? graphicsCauses(host) : [];
  const severity = used === null ? "error" : "warning";
  const problems: Problem[] = [
    ...oldDeno(host),
    ...noAdapter(used, causes),
    ...isOpenGl ? [OPENGL] : [],
    ...causes.map((cause): Problem => ({ ...cause, severity })),
    ...wrongResults(facts),
    ...places(facts),
    ...memory(facts),
    ...missingFeatures(used),
  ];
  const order: Severity[] = ["error", "warning", "note"];
  return order.flatMap((one) => problems.filter(({ severity }) => severity === one));
}

/** Whether `unis train` would run. */
export function isReady(problems: readonly Problem[]): boolean {
  return problems.every(({ severity }) => severity !== "error");
}

function oldDeno({ deno }: HostFacts): Problem[] {
  const [major = 0, minor = 0] = deno.split(".").map(Number);
  const [leastMajor, leastMinor] = LEAST_DENO as [number, number];
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return [];
  return [{
    id: "deno_too_old",
    severity: "error",
    what: `Deno ${deno} is older than ${LEAST_DENO.join(".")}`,
    cure: "deno upgrade, or start by scripts/run.sh, which fetches one",
  }];
}

function noAdapter(used: ListedAdapter | null, causes: readonly Cause[]): Problem[] {
  if (used !== null) return [];
  return [{
    id: "no_adapter",
    severity: "error",
    what: "WebGPU offers no adapter: there is nothing to compute on",
    cure: causes.length > 0
      ? "see below"
      : "see what the system's own tools say, such as vulkaninfo --summary (package vulkan-tools); drivers " +
        "that do not conform to Vulkan, as those of very old cards, are hidden by Deno",
  }];
}

/** Deno takes OpenGL where it was told to, or where Vulkan has no driver at all: the kernels are not made for it. */
function runsOnOpenGl({ host, used }: Facts): boolean {
  if (used === null || host.os !== "linux") return false;
  return wrongBackend(host).length > 0 || host.vulkan_drivers.length === 0 || !host.has_vulkan_loader;
}

const OPENGL: Problem = {
  id: "opengl",
  severity: "warning",
  what:
    "The adapter is one of OpenGL: it is slower than that of Vulkan and has no f16, and the kernels are " +
    "not made for it",
  cure: "see below; DENO_WEBGPU_BACKEND=vulkan keeps Deno from OpenGL",
};

function wrongResults({ fault }: Facts): Problem[] {
  if (fault === null) return [];
  return [{
    id: "self_test_failed",
    severity: "error",
    what: `The self-test failed: ${fault}`,
    cure: "update the driver of this adapter, or use another by --device gpu or --device cpu",
  }];
}

const CURES: Readonly<Record<Place["name"], string>> = {
  cache: "set UNIS_CACHE_DIR to a folder that you may write to; until then images are decoded in every run",
  hub_cache: "set HF_HOME to a folder that you may write to; until then no model can be downloaded",
  runs: "change to a folder that you may write to, or use --out",
};

function places({ places }: Facts): Problem[] {
  return places.flatMap(({ name, path, fault }): Problem[] =>
    fault === null ? [] : [{
      id: `${name}_not_writable`,
      severity: "warning",
      what: `${path || "The folder"} cannot be written: ${fault}`,
      cure: CURES[name],
    }]
  );
}

const SMALLER = "smaller encoders, --checkpointing, --precision f16, or frozen layers";

/** A software adapter takes its memory from that of the machine; how much a GPU has WebGPU does not tell. */
function memory({ host, used, base_sizes, too_large }: Facts): Problem[] {
  if (too_large !== null) {
    return [{
      id: "base_sizes_do_not_fit",
      severity: "note",
      what: `${BASE_SIZES} cannot be trained: ${too_large}`,
      cure: SMALLER,
    }];
  }
  if (!used?.isSoftware || host.memory === null || base_sizes === null) return [];
  const { available } = host.memory;
  const { held } = base_sizes.memory;
  if (held <= available) return [];
  return [{
    id: "little_memory",
    severity: "note",
    what: `${base_sizes.model} takes ${formatBytes(held)}, and ${
      formatBytes(available)
    } of the machine's memory are free`,
    cure: SMALLER,
  }];
}

function missingFeatures(used: ListedAdapter | null): Problem[] {
  const wanted: [feature: string, what: string, cure: string][] = [
    ["shader-f16", "--precision f16 cannot be used", "train with --precision f32"],
    ["timestamp-query", "--profile and unis tune cannot be used", "training needs neither"],
  ];
  if (used === null) return [];
  return wanted.filter(([feature]) => !used.features.includes(feature)).map(([feature, what, cure]) => ({
    id: `no_${feature.replaceAll("-", "_")}`,
    severity: "note",
    what: `The adapter has no ${feature}: ${what}`,
    cure,
  }));
}
