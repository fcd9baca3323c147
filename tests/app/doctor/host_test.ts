/** What `examineHost` makes of the files of a system. */
import assert from "node:assert/strict";
import { examineHost, type Family } from "../../../src/app/doctor/host.ts";
import { tryToWrite } from "../../../src/app/doctor/places.ts";
import { join } from "node:path";
import { temporaryFolder } from "../../io/crafted.ts";
import { linux, type Machine, RELEASES, systemOf } from "./facts.ts";

const examined = (machine: Machine) => examineHost(systemOf(machine));

Deno.test("examineHost() knows the families of systems", () => {
  const families: Record<keyof typeof RELEASES, [Family, name: string]> = {
    debian: ["debian", "Debian GNU/Linux 12 (bookworm)"],
    ubuntu: ["ubuntu", "Ubuntu 24.04.1 LTS"],
    fedora: ["fedora", "Fedora Linux 41"],
    rocky: ["fedora", "Rocky Linux 9"],
    arch: ["arch", "Arch Linux"],
    nixos: ["other", "NixOS 24.11"],
  };
  for (const [release, expected] of Object.entries(families)) {
    const { family, name } = examined({ files: linux(release as keyof typeof RELEASES, {}) });
    assert.deepEqual([family, name], expected);
  }
  assert.deepEqual(examined({ os: "windows" }).name, "Windows");
});

Deno.test("examineHost() finds cards, device files, drivers and the container", () => {
  const { cards, device_files, vulkan_drivers, nvidia_module, container, has_vulkan_loader } = examined({
    files: linux("debian", {
      card: "nvidia",
      drivers: ["software", "nvidia"],
      files: {
        "/dev/dri/renderD129": "",
        "/dev/dri/card0": "",
        "/dev/nvidia0": "",
        "/dev/nvidia-uvm": "",
        "/run/.containerenv": "",
        "/proc/driver/nvidia/version":
          "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release\n",
      },
    }),
    closed: ["/dev/nvidia0"],
  });
  assert.deepEqual(cards, [{ address: "0000:01:00.0", vendor: "nvidia" }]);
  assert.deepEqual(device_files, [
    { path: "/dev/dri/renderD129", usable: true },
    { path: "/dev/nvidia0", usable: false },
  ]);
  assert.deepEqual(vulkan_drivers, [
    { file: "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json", api_version: "1.3.274" },
    { file: "/usr/share/vulkan/icd.d/nvidia_icd.json", api_version: "1.3.274" },
  ]);
  assert.deepEqual([nvidia_module, container, has_vulkan_loader], ["570.86.15", "podman", true]);
});

Deno.test("examineHost() looks for drivers where the loader does", () => {
  const own = "/home/u/.local/share/vulkan/icd.d/mine.json";
  const files = linux("debian", {
    drivers: ["software"],
    files: { [own]: "{}", "/opt/a.json": "", "/opt/b/c.json": "" },
  });
  const of = (variables: Record<string, string>) =>
    examined({ files, variables: { HOME: "/home/u", ...variables } }).vulkan_drivers.map(({ file }) => file);
  const software = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
  assert.deepEqual(of({}), [software, own]);
  assert.deepEqual(of({ VK_ICD_FILENAMES: "/opt/a.json" }), ["/opt/a.json"]);
  assert.deepEqual(of({ VK_ICD_FILENAMES: software, VK_DRIVER_FILES: "/opt/a.json:/opt/b" }), [
    "/opt/a.json",
    "/opt/b/c.json",
  ]);
  assert.deepEqual(of({ VK_DRIVER_FILES: "/nonexistent" }), []);
});

Deno.test("examineHost() says null for what may not be seen", () => {
  const { cards, device_files } = examined({ files: linux("debian", {}), hidden: ["/sys", "/dev"] });
  assert.deepEqual([cards, device_files], [null, null]);
});

Deno.test("examineHost() counts the memory of a container's control group", () => {
  const group = (max: string) => ({
    "/sys/fs/cgroup/memory.max": max,
    "/sys/fs/cgroup/memory.current": "1073741824\n",
  });
  const of = (max: string) => examined({ files: linux("debian", { files: group(max) }) }).memory;
  assert.deepEqual(of("4294967296\n"), { total: 2 ** 32, available: 3 * 2 ** 30 });
  assert.deepEqual(of("max\n"), { total: 2 ** 36, available: 48 * 2 ** 30 });
});

Deno.test("tryToWrite() tries the folder or where it would be made, and leaves nothing behind", () => {
  using folder = temporaryFolder();
  const { fault, free } = tryToWrite(join(folder.path, "a", "b"));
  assert.equal(fault, null);
  assert.ok(free! > 0);
  Deno.writeTextFileSync(join(folder.path, "file"), "");
  assert.match(tryToWrite(join(folder.path, "file", "cache")).fault ?? "", /Not a directory/i);
  assert.deepEqual(Array.from(Deno.readDirSync(folder.path), ({ name }) => name), ["file"]);
});
