/** Why WebGPU sees no GPU, or no adapter at all: every cause that the machine shows. */
import { type HostFacts, type Vendor, vendorOfManifest } from "./host.ts";
import { installing, installingNvidiaVulkan } from "./packages.ts";
import type { Cause } from "./problem.ts";

/** The backends of Deno's WebGPU that the kernels are made for, on each system. */
const BACKENDS: Readonly<Record<string, readonly string[]>> = {
  linux: ["vulkan"],
  darwin: ["metal"],
  windows: ["dx12", "vulkan"],
};

/** The causes that keep an adapter, or the GPU, from being found; empty where none can be seen. */
export function graphicsCauses(host: HostFacts): Cause[] {
  const backend = wrongBackend(host);
  if (backend.length > 0) return backend;
  if (host.os === "linux") return linuxCauses(host);
  return host.os === "darwin" ? [NO_METAL] : host.os === "windows" ? [NO_DIRECT3D] : [];
}

const NO_METAL: Cause = {
  id: "no_metal",
  what: "Metal offers no GPU",
  cure:
    "a Mac with Metal (macOS 13 or later) has one; a virtual machine has it only where its host passes a GPU on",
};

const NO_DIRECT3D: Cause = {
  id: "no_direct3d",
  what: "Direct3D 12 offers no GPU",
  cure:
    "install the driver of the vendor (NVIDIA, AMD or Intel), not the basic one of Windows; in a remote desktop " +
    "session or a virtual machine, the GPU must be passed on",
};

/** A choice of backends that leaves out those for this system. */
export function wrongBackend({ os, environment }: HostFacts): Cause[] {
  const given = environment.DENO_WEBGPU_BACKEND;
  const needed = BACKENDS[os];
  if (given === undefined || needed === undefined) return [];
  if (given.split(",").some((name) => needed.includes(name.trim().toLowerCase()))) return [];
  return [{
    id: "wrong_backend",
    what: `DENO_WEBGPU_BACKEND is "${given}", which leaves out ${needed[0]}, the one for this system`,
    cure: `unset DENO_WEBGPU_BACKEND, or set it to ${needed[0]}`,
  }];
}

function linuxCauses(host: HostFacts): Cause[] {
  const { vulkan_drivers, has_vulkan_loader, environment } = host;
  const variable = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].find((name) => name in environment);
  if (variable !== undefined && vulkan_drivers.length === 0) {
    return [{
      id: "driver_files_missing",
      what: `${variable} names ${environment[variable]}, where there is no driver`,
      cure:
        `unset ${variable}, or set it to the manifest of a driver, such as those in /usr/share/vulkan/icd.d`,
    }];
  }
  const vendors = vendorsOf(host);
  const causes = [
    ...vendors.flatMap((vendor) => [...unreachable(host, vendor), ...driverMissing(host, vendor)]),
    ...notPermitted(host),
    ...hiddenByWsl(host),
    ...noDriverAtAll(host, has_vulkan_loader, vendors),
  ];
  if (causes.length > 0) return causes;
  return [...notOffered(vendors), ...notLooked(host)];
}

/** The vendors of the cards there are, by the bus and by what their drivers made. */
function vendorsOf({ cards, device_files, nvidia_module }: HostFacts): Exclude<Vendor, "other">[] {
  const seen = new Set((cards ?? []).map(({ vendor }) => vendor));
  const hasNvidiaFile = device_files?.some(({ path }) => path.startsWith("/dev/nvidia")) ?? false;
  if (nvidia_module !== null || hasNvidiaFile) seen.add("nvidia");
  return (["nvidia", "amd", "intel"] as const).filter((vendor) => seen.has(vendor));
}

const NAMES: Readonly<Record<Vendor, string>> = {
  nvidia: "NVIDIA",
  amd: "AMD",
  intel: "Intel",
  other: "other",
};

/** A container sees the bus of its host, but only those device files and drivers that it is given. */
function unreachable(host: HostFacts, vendor: Vendor): Cause[] {
  const { container, device_files, environment } = host;
  if (container === null || device_files === null) return [];
  const prefix = vendor === "nvidia" ? "/dev/nvidia" : "/dev/dri/";
  if (device_files.some(({ path }) => path.startsWith(prefix))) {
    const capabilities = environment.NVIDIA_DRIVER_CAPABILITIES ?? "";
    if (vendor !== "nvidia" || hasDriver(host, vendor) || /\b(graphics|all)\b/.test(capabilities)) return [];
    return [{
      id: "nvidia_capabilities",
      what:
        `The container is given the NVIDIA card without its Vulkan driver: NVIDIA_DRIVER_CAPABILITIES is ${
          capabilities === "" ? "not set" : `"${capabilities}"`
        }`,
      cure: "start it with -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics (or ENV in the Dockerfile)",
    }];
  }
  const flag: Readonly<Record<string, string>> = {
    nvidia: container === "podman"
      ? "--device nvidia.com/gpu=all"
      : container === "kubernetes"
      ? "a request for nvidia.com/gpu in the pod"
      : container === "apptainer"
      ? "--nv --bind /usr/share/vulkan/icd.d"
      : "--gpus all",
    other: container === "kubernetes"
      ? "the device plugin of the vendor"
      : container === "apptainer"
      ? "--bind /dev/dri"
      : "--device /dev/dri",
  };
  return [{
    id: "container_without_gpu",
    what: `The machine has a card of ${NAMES[vendor]}, which this container (${container}) is not given`,
    cure: `start it with ${flag[vendor] ?? flag.other}${
      vendor === "nvidia" ? " and NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics" : ""
    }`,
  }];
}

/** Whether there is a manifest of a vendor's driver, be it where Vulkan does not look. */
function hasDriver({ vulkan_drivers, stray_vulkan_drivers }: HostFacts, vendor: Vendor): boolean {
  const files = [...vulkan_drivers.map(({ file }) => file), ...stray_vulkan_drivers];
  return files.some((file) => vendorOfManifest(file) === vendor);
}

function driverMissing(host: HostFacts, vendor: Exclude<Vendor, "other">): Cause[] {
  const { family, vulkan_drivers, stray_vulkan_drivers, container, nvidia_module } = host;
  if (vulkan_drivers.some(({ file }) => vendorOfManifest(file) === vendor)) return [];
  const stray = stray_vulkan_drivers.find((file) => vendorOfManifest(file) === vendor);
  if (stray !== undefined) {
    return [{
      id: "driver_not_found_by_loader",
      what: `The Vulkan driver of ${NAMES[vendor]} is in ${stray}, where Vulkan does not look`,
      cure: `set VK_DRIVER_FILES=${stray}`,
    }];
  }
  // A container has NVIDIA's driver from its host: a package of its own would not fit the module.
  if (vendor === "nvidia" && container !== null) return [];
  const hasModule = vendor === "nvidia" && nvidia_module !== null;
  return [{
    id: "vulkan_driver_missing",
    what: hasModule
      ? `NVIDIA's driver ${nvidia_module} is installed without its Vulkan library`
      : `The machine has a card of ${NAMES[vendor]}, but no Vulkan driver for it`,
    cure: hasModule ? installingNvidiaVulkan(family, nvidia_module) : installing(family, vendor),
  }];
}

function notPermitted({ device_files }: HostFacts): Cause[] {
  const closed = (device_files ?? []).filter(({ path, usable }) => path.startsWith("/dev/dri/") && !usable);
  if (closed.length === 0 || closed.length < device_files!.length) return [];
  return [{
    id: "device_not_permitted",
    what: `This user may not open ${closed.map(({ path }) => path).join(", ")}`,
    cure:
      'sudo usermod -aG render,video "$USER", then log in again (in a container: --group-add of that group)',
  }];
}

/** The driver for WSL translates to Direct3D and does not conform to Vulkan, and Deno hides such drivers. */
function hiddenByWsl({ is_wsl }: HostFacts): Cause[] {
  if (!is_wsl) return [];
  return [{
    id: "wsl",
    what: "In WSL the GPU is behind Direct3D, and Deno hides the Vulkan driver that translates to it",
    cure: "run unis on Windows itself, where it uses Direct3D 12; in WSL it computes on the processor",
  }];
}

/** Nothing to compute on, not even the processor. */
function noDriverAtAll(
  { family, vulkan_drivers }: HostFacts,
  hasLoader: boolean,
  vendors: readonly Vendor[],
): Cause[] {
  if (vulkan_drivers.length > 0 && hasLoader) return [];
  const missing = hasLoader ? "a Vulkan driver" : "the Vulkan loader, libvulkan.so.1";
  const processor = vendors.length === 0 ? "" : "; this one computes on the processor";
  return [{
    id: "no_vulkan",
    what: `The system has not got ${missing}`,
    cure: `${installing(family, "software")}${processor}`,
  }];
}

/** Card, device files and driver are there, and still it is not offered. */
function notOffered(vendors: readonly Vendor[]): Cause[] {
  if (vendors.length === 0) return [];
  return [{
    id: "gpu_not_offered",
    what: `The Vulkan driver of the card (${
      vendors.map((vendor) => NAMES[vendor]).join(", ")
    }) does not offer it`,
    cure:
      "vulkaninfo --summary (package vulkan-tools) says why; after an update of the driver, restart the machine. " +
      "Deno hides drivers that do not conform to Vulkan, as those of very old cards",
  }];
}

function notLooked({ cards }: HostFacts): Cause[] {
  if (cards !== null) return [];
  return [{
    id: "cards_not_seen",
    what: "Whether the machine has a graphics card could not be seen",
    cure:
      "sh scripts/run.sh doctor sees it: Deno shows /dev and /sys to no program but one that may do everything",
  }];
}
