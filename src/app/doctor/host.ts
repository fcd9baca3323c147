/** Looks at the machine: what the system is, which graphics cards it has, and which drivers are there for them. */
import { basename, join } from "node:path";

/** The package managers whose names of packages are known. */
export type Family = "debian" | "ubuntu" | "fedora" | "arch" | "other";
export type Vendor = "nvidia" | "amd" | "intel" | "other";

/** A graphics card on the PCI bus; WebGPU may not see it. */
export interface Card {
  readonly vendor: Vendor;
  /** `0000:01:00.0` */
  readonly address: string;
}

/** A file under /dev by which graphics cards are reached, and whether this user may open it. */
export interface DeviceFile {
  readonly path: string;
  readonly usable: boolean;
}

/** A manifest by which the Vulkan loader finds a driver. */
export interface VulkanDriver {
  readonly file: string;
  /** The version of Vulkan that the manifest says; null where it cannot be read. */
  readonly api_version: string | null;
}

/** Where something is null, it could not be looked at: Deno shows /dev, /proc and /sys only to programs with `-A`. */
export interface HostFacts {
  readonly deno: string;
  readonly os: typeof Deno.build.os;
  readonly arch: string;
  /** `Debian GNU/Linux 12 (bookworm)` */
  readonly name: string;
  readonly family: Family;
  readonly kernel: string | null;
  readonly is_wsl: boolean;
  /** `docker`, `podman`, `kubernetes`, ...; null outside of containers. */
  readonly container: string | null;
  readonly cores: number;
  /** Bytes, of the container where that has fewer. */
  readonly memory: { readonly total: number; readonly available: number } | null;
  /** Those of `VARIABLES` that are set. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cards: readonly Card[] | null;
  readonly device_files: readonly DeviceFile[] | null;
  readonly vulkan_drivers: readonly VulkanDriver[];
  /** Drivers that are on the disk where the loader does not look. */
  readonly stray_vulkan_drivers: readonly string[];
  readonly has_vulkan_loader: boolean;
  /** The version of NVIDIA's kernel module. */
  readonly nvidia_module: string | null;
}

/** Variables that decide which adapters there are. */
export const VARIABLES = [
  "DENO_WEBGPU_BACKEND",
  "VK_DRIVER_FILES",
  "VK_ICD_FILENAMES",
  "NVIDIA_VISIBLE_DEVICES",
  "NVIDIA_DRIVER_CAPABILITIES",
];

/** The part of a system that is looked at. Its functions give undefined for what is not there or may not be seen. */
export interface HostSystem {
  readonly os: typeof Deno.build.os;
  readonly arch: string;
  readonly deno: string;
  readonly cores: number;
  read(path: string): string | undefined;
  /** Names in a folder. */
  list(path: string): readonly string[] | undefined;
  exists(path: string): boolean;
  /** Whether a file can be opened for reading and writing. */
  opens(path: string): boolean;
  variable(name: string): string | undefined;
  kernel(): string | undefined;
  memory(): { readonly total: number; readonly available: number } | undefined;
}

const MANIFESTS = ["/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d"];
/** Where containers get NVIDIA's driver from some hosts, such as those of Kubernetes engines. */
const STRAY_MANIFESTS = ["/usr/local/nvidia/share/vulkan/icd.d", "/usr/local/nvidia/vulkan/icd.d"];
const LIBRARIES = ["/usr/lib", "/usr/lib64", "/lib64", "/usr/local/lib"];
const PCI = "/sys/bus/pci/devices";
/** The first byte of the class of a PCI device that is a display controller. */
const DISPLAY = "0x03";
const VENDORS: Readonly<Record<string, Vendor>> = { "0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel" };

/** Looks at a system. */
export function examineHost(system: HostSystem): HostFacts {
  const { os, arch, deno, cores } = system;
  const kernel = system.kernel();
  const release = releaseOf(system.read("/etc/os-release") ?? "");
  const environment = Object.fromEntries(
    VARIABLES.flatMap((name) => {
      const value = system.variable(name);
      return value ? [[name, value]] : [];
    }),
  );
  const isLinux = os === "linux";
  return {
    deno,
    os,
    arch,
    name: release.PRETTY_NAME ?? { darwin: "macOS", windows: "Windows" }[os as string] ?? os,
    family: familyOf(release),
    kernel: kernel ?? null,
    is_wsl: isLinux && /microsoft|wsl/i.test(kernel ?? ""),
    container: isLinux ? containerOf(system) : null,
    cores,
    memory: memoryOf(system),
    environment,
    cards: isLinux ? cardsOf(system) : null,
    device_files: isLinux ? deviceFilesOf(system) : null,
    vulkan_drivers: isLinux ? vulkanDriversOf(system, environment) : [],
    stray_vulkan_drivers: isLinux
      ? STRAY_MANIFESTS.flatMap((folder) => manifestsIn(system, folder)).map(({ file }) => file)
      : [],
    has_vulkan_loader: isLinux && hasLoader(system),
    nvidia_module: system.read("/proc/driver/nvidia/version")?.match(/\s(\d+\.\d+(?:\.\d+)?)\s/)?.[1] ?? null,
  };
}

/** `KEY="value"` of os-release, by key. */
function releaseOf(text: string): Record<string, string> {
  const entries = text.matchAll(/^([A-Z_]+)=(?:"([^"\n]*)"|'([^'\n]*)'|(\S*))\s*$/gm);
  return Object.fromEntries(
    Array.from(entries, ([, key, double, single, bare]) => [key!, double ?? single ?? bare!]),
  );
}

function familyOf({ ID = "", ID_LIKE = "" }: Record<string, string>): Family {
  const names = `${ID} ${ID_LIKE}`.split(" ");
  const families: [Family, string[]][] = [
    ["ubuntu", ["ubuntu"]],
    ["debian", ["debian"]],
    ["fedora", ["fedora", "rhel", "centos"]],
    ["arch", ["arch"]],
  ];
  return families.find(([, ids]) => ids.some((id) => names.includes(id)))?.[0] ?? "other";
}

function containerOf(system: HostSystem): string | null {
  if (system.variable("KUBERNETES_SERVICE_HOST")) return "kubernetes";
  if (system.variable("APPTAINER_CONTAINER") || system.variable("SINGULARITY_CONTAINER")) return "apptainer";
  if (system.exists("/run/.containerenv")) return "podman";
  if (system.exists("/.dockerenv")) return "docker";
  return system.variable("container") || null;
}

function memoryOf(system: HostSystem): HostFacts["memory"] {
  const memory = system.memory();
  if (memory === undefined) return null;
  // A control group holds a container to less than the machine has.
  const limit = Number(system.read("/sys/fs/cgroup/memory.max"));
  const used = Number(system.read("/sys/fs/cgroup/memory.current"));
  if (!(limit > 0 && limit < memory.total)) return memory;
  return { total: limit, available: Math.min(memory.available, Math.max(0, limit - (used || 0))) };
}

function cardsOf(system: HostSystem): Card[] | null {
  const addresses = system.list(PCI);
  if (addresses === undefined) return null;
  return addresses.toSorted().flatMap((address) => {
    if (!system.read(`${PCI}/${address}/class`)?.startsWith(DISPLAY)) return [];
    const vendor = system.read(`${PCI}/${address}/vendor`)?.trim() ?? "";
    return [{ address, vendor: VENDORS[vendor] ?? "other" }];
  });
}

/** The files that cards are reached by; null where they may not be looked at. */
export function deviceFilesOf(system: HostSystem): DeviceFile[] | null {
  const names = system.list("/dev");
  if (names === undefined) return null;
  const renderers = (system.list("/dev/dri") ?? []).filter((name) => name.startsWith("renderD"));
  const others = names.filter((name) => /^(nvidia\d+|nvidiactl|dxg)$/.test(name));
  return [...renderers.map((name) => `dri/${name}`), ...others].toSorted().map((name) => {
    const path = `/dev/${name}`;
    return { path, usable: system.opens(path) };
  });
}

function vulkanDriversOf(
  system: HostSystem,
  { VK_DRIVER_FILES, VK_ICD_FILENAMES }: Readonly<Record<string, string>>,
): VulkanDriver[] {
  // Where one of these is set, the loader looks nowhere else; the first goes before.
  const given = VK_DRIVER_FILES ?? VK_ICD_FILENAMES;
  if (given !== undefined) {
    return given.split(":").flatMap((path) =>
      path.endsWith(".json") ? manifest(system, path) : manifestsIn(system, path)
    );
  }
  const home = system.variable("HOME");
  const own = system.variable("XDG_DATA_HOME") || (home && join(home, ".local/share"));
  return [...MANIFESTS, ...own ? [join(own, "vulkan/icd.d")] : []].flatMap((folder) =>
    manifestsIn(system, folder)
  );
}

function manifestsIn(system: HostSystem, folder: string): VulkanDriver[] {
  const names = (system.list(folder) ?? []).filter((name) => name.endsWith(".json"));
  return names.toSorted().flatMap((name) => manifest(system, join(folder, name)));
}

function manifest(system: HostSystem, file: string): VulkanDriver[] {
  if (!system.exists(file)) return [];
  const version = system.read(file)?.match(/"api_version"\s*:\s*"([\d.]+)"/)?.[1];
  return [{ file, api_version: version ?? null }];
}

/** The loader is a library of a known name, in one of the folders for libraries or in that of the architecture. */
function hasLoader(system: HostSystem): boolean {
  const folders = LIBRARIES.flatMap((folder) => {
    const own = (system.list(folder) ?? []).filter((name) => name.endsWith("-linux-gnu"));
    return [folder, ...own.map((name) => join(folder, name))];
  });
  return folders.some((folder) => system.exists(join(folder, "libvulkan.so.1")));
}

/** The vendor whose driver a manifest stands for, by its name: `nvidia_icd.json`, `radeon_icd.x86_64.json`. */
export function vendorOfManifest(file: string): Vendor | "software" {
  const name = basename(file);
  if (/^nvidia|^nouveau/.test(name)) return "nvidia";
  if (/^radeon|^amd/.test(name)) return "amd";
  if (/^intel/.test(name)) return "intel";
  return /^lvp|swiftshader/.test(name) ? "software" : "other";
}
