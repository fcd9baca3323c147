/** Machines to examine: a file tree in place of a system, and facts to judge. */
import type { HostSystem } from "../../../src/app/doctor/host.ts";
import { examineHost } from "../../../src/app/doctor/host.ts";
import type { Facts } from "../../../src/app/doctor/diagnose.ts";
import type { ListedAdapter } from "../../../src/gpu/adapter_list.ts";

const GIB = 2 ** 30;

/** What a machine has, in short. */
export interface Machine {
  readonly os?: HostSystem["os"];
  readonly deno?: string;
  readonly kernel?: string;
  /** Contents of files; folders are there with them. */
  readonly files?: Readonly<Record<string, string>>;
  /** Files that this user may not open for writing. */
  readonly closed?: readonly string[];
  /** Folders that may not be seen. */
  readonly hidden?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
}

export function systemOf(machine: Machine): HostSystem {
  const { os = "linux", deno = "2.9.6", kernel = "6.1.0", variables = {} } = machine;
  const { files = {}, closed = [], hidden = [] } = machine;
  const isHidden = (path: string) =>
    hidden.some((folder) => path === folder || path.startsWith(`${folder}/`));
  const read = (path: string) => isHidden(path) ? undefined : files[path];
  return {
    os,
    arch: "x86_64",
    deno,
    cores: 8,
    read,
    list(path) {
      if (isHidden(path)) return undefined;
      const below = Object.keys(files).filter((file) => file.startsWith(`${path}/`));
      if (below.length === 0) return undefined;
      return [...new Set(below.map((file) => file.slice(path.length + 1).split("/")[0]!))];
    },
    exists: (path) => read(path) !== undefined,
    opens: (path) => read(path) !== undefined && !closed.includes(path),
    variable: (name) => variables[name],
    kernel: () => kernel,
    memory: () => ({ total: 64 * GIB, available: 48 * GIB }),
  };
}

/** Releases of systems, as /etc/os-release tells them. */
export const RELEASES = {
  debian: `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n`,
  ubuntu: `PRETTY_NAME="Ubuntu 24.04.1 LTS"\nID=ubuntu\nID_LIKE=debian\n`,
  fedora: `PRETTY_NAME='Fedora Linux 41'\nID=fedora\n`,
  rocky: `PRETTY_NAME="Rocky Linux 9"\nID="rocky"\nID_LIKE="rhel centos fedora"\n`,
  arch: `PRETTY_NAME="Arch Linux"\nID=arch\n`,
  nixos: `PRETTY_NAME="NixOS 24.11"\nID=nixos\n`,
} as const;

const PCI_VENDORS = { nvidia: "0x10de\n", amd: "0x1002\n", intel: "0x8086\n" } as const;
const MANIFESTS = {
  nvidia: "nvidia_icd.json",
  amd: "radeon_icd.x86_64.json",
  intel: "intel_icd.x86_64.json",
  software: "lvp_icd.x86_64.json",
} as const;

/** A Linux system of a release with the Vulkan loader, and what else is named. */
export function linux(
  release: keyof typeof RELEASES,
  { card, drivers = [], device, loader = true, files = {} }: {
    card?: keyof typeof PCI_VENDORS;
    drivers?: readonly (keyof typeof MANIFESTS)[];
    device?: string;
    loader?: boolean;
    files?: Readonly<Record<string, string>>;
  },
): Record<string, string> {
  const address = "/sys/bus/pci/devices/0000:01:00.0";
  return {
    "/etc/os-release": RELEASES[release],
    "/dev/null": "",
    "/sys/bus/pci/devices/0000:00:00.0/class": "0x060000\n",
    "/sys/bus/pci/devices/0000:00:00.0/vendor": "0x8086\n",
    ...card && { [`${address}/class`]: "0x030000\n", [`${address}/vendor`]: PCI_VENDORS[card] },
    ...device && { [device]: "" },
    ...loader && { "/usr/lib/x86_64-linux-gnu/libvulkan.so.1": "" },
    ...Object.fromEntries(drivers.map((driver) => [
      `/usr/share/vulkan/icd.d/${MANIFESTS[driver]}`,
      '{"ICD": {"api_version": "1.3.274"}}',
    ])),
    ...files,
  };
}

const LIMITS = {
  maxBufferSize: 4 * GIB,
  maxStorageBufferBindingSize: 2 * GIB,
  maxUniformBufferBindingSize: 65536,
  maxStorageBuffersPerShaderStage: 8,
  maxTextureDimension2D: 16384,
  maxComputeWorkgroupStorageSize: 49152,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
  maxComputeWorkgroupSizeZ: 64,
  minUniformBufferOffsetAlignment: 64,
  minStorageBufferOffsetAlignment: 32,
};

export function adapter(name: string, isSoftware: boolean, ...features: string[]): ListedAdapter {
  return {
    name,
    identity: name,
    isSoftware,
    vendor: "any",
    features,
    limits: LIMITS,
    requests: ["high-performance"],
  };
}

const ALL = ["shader-f16", "timestamp-query"];
export const CARD = adapter("A card", false, ...ALL);
export const LLVMPIPE = adapter("llvmpipe", true, ...ALL);

/** The facts of a machine on which `used` is the only adapter. */
export function factsOf(machine: Machine, used: ListedAdapter | null, more: Partial<Facts> = {}): Facts {
  return {
    host: examineHost(systemOf(machine)),
    adapters: used === null ? [] : [used],
    used,
    fault: null,
    places: [],
    base_sizes: null,
    too_large: null,
    ...more,
  };
}
