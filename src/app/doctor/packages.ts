/** Knows the packages that hold the Vulkan drivers, by system and by vendor of the card. */
import type { Family, Vendor } from "./host.ts";

type Wanted = Exclude<Vendor, "other"> | "software";

const MESA = "mesa-vulkan-drivers";
const APT = `sudo apt-get install ${MESA}`;
const DNF = `sudo dnf install vulkan-loader ${MESA}`;

const COMMANDS: Readonly<Record<Family, Readonly<Record<Wanted, string>>>> = {
  debian: {
    software: APT,
    amd: `${APT} (and firmware-amd-graphics, of the component non-free-firmware)`,
    intel: APT,
    nvidia: "sudo apt-get install nvidia-driver nvidia-vulkan-icd (of the component non-free)",
  },
  ubuntu: {
    software: APT,
    amd: APT,
    intel: APT,
    nvidia: "sudo ubuntu-drivers install",
  },
  fedora: {
    software: DNF,
    amd: DNF,
    intel: DNF,
    nvidia: "sudo dnf install vulkan-loader akmod-nvidia xorg-x11-drv-nvidia-libs (of RPM Fusion)",
  },
  arch: {
    software: "sudo pacman -S vulkan-icd-loader vulkan-swrast",
    amd: "sudo pacman -S vulkan-icd-loader vulkan-radeon",
    intel: "sudo pacman -S vulkan-icd-loader vulkan-intel",
    nvidia: "sudo pacman -S vulkan-icd-loader nvidia-utils",
  },
  other: {
    software: `with the package manager of this system, what Debian calls ${MESA}`,
    amd: `with the package manager of this system, what Debian calls ${MESA}`,
    intel: `with the package manager of this system, what Debian calls ${MESA}`,
    nvidia: "with the package manager of this system, NVIDIA's driver with its Vulkan library",
  },
};

/** The command to type, or the thing to look for, to have the Vulkan driver of a vendor. */
export function installing(family: Family, vendor: Vendor | "software"): string {
  return COMMANDS[family][vendor === "other" ? "software" : vendor];
}

/** The command to type where NVIDIA's kernel module is there, and its Vulkan driver is not. */
export function installingNvidiaVulkan(family: Family, module: string | null): string {
  // Ubuntu has a package for each branch of the driver, and those of other branches do not work with the module.
  if (family === "ubuntu") return `sudo apt-get install libnvidia-gl-${module?.split(".")[0] ?? "VERSION"}`;
  if (family === "debian") return "sudo apt-get install nvidia-vulkan-icd (of the component non-free)";
  return installing(family, "nvidia");
}
