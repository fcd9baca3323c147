/** Every problem that `unis doctor` knows, the machine that has it, and the cure that this machine needs. */
import assert from "node:assert/strict";
import { diagnose, type Facts, isReady } from "../../../src/app/doctor/diagnose.ts";
import type { Problem } from "../../../src/app/doctor/problem.ts";
import type { Place } from "../../../src/app/doctor/places.ts";
import { adapter, CARD, factsOf, linux, LLVMPIPE, type Machine } from "./facts.ts";

const brief = (problems: readonly Problem[]) => problems.map(({ id, severity }) => `${severity} ${id}`);

/** A machine, its adapter, the problems it has, and what their cures (or the problems) must say. */
type Case = [what: string, facts: Facts, problems: string[], says: RegExp[]];

const container = (files: Record<string, string>, variables: Record<string, string> = {}): Machine => ({
  files: { ...files, "/.dockerenv": "" },
  variables,
});
const NVIDIA_MODULE = {
  "/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu\n",
};
const readonly: Place = {
  name: "cache",
  path: "/home/u/.cache/unis",
  fault: "permission denied",
  free: null,
};

const CASES: Case[] = [
  [
    "a GPU that is used",
    factsOf({ files: linux("debian", { card: "amd", drivers: ["amd"] }) }, CARD),
    [],
    [],
  ],
  [
    "no GPU, the processor used",
    factsOf({ files: linux("debian", { drivers: ["software"] }) }, LLVMPIPE),
    [],
    [],
  ],
  [
    "Debian without any driver",
    factsOf({ files: linux("debian", { loader: false }) }, null),
    ["error no_adapter", "error no_vulkan"],
    [/libvulkan\.so\.1/, /apt-get install mesa-vulkan-drivers/],
  ],
  [
    "Fedora without any driver",
    factsOf({ files: linux("fedora", { loader: false }) }, null),
    ["error no_adapter", "error no_vulkan"],
    [/dnf install vulkan-loader mesa-vulkan-drivers/],
  ],
  [
    "a relative of Fedora, with the loader alone",
    factsOf({ files: linux("rocky", {}) }, null),
    ["error no_adapter", "error no_vulkan"],
    [/a Vulkan driver/, /dnf install/],
  ],
  [
    "Arch without any driver",
    factsOf({ files: linux("arch", { loader: false }) }, null),
    ["error no_adapter", "error no_vulkan"],
    [/pacman -S vulkan-icd-loader vulkan-swrast/],
  ],
  [
    "a system that is not known",
    factsOf({ files: linux("nixos", {}) }, null),
    ["error no_adapter", "error no_vulkan"],
    [/what Debian calls mesa-vulkan-drivers/],
  ],
  [
    "an AMD card without its driver on Arch, the processor used",
    factsOf(
      { files: linux("arch", { card: "amd", drivers: ["software"], device: "/dev/dri/renderD128" }) },
      LLVMPIPE,
    ),
    ["warning vulkan_driver_missing"],
    [/card of AMD/, /vulkan-radeon/],
  ],
  [
    "an Intel card and no driver at all on Ubuntu",
    factsOf(
      { files: linux("ubuntu", { card: "intel", loader: false, device: "/dev/dri/renderD128" }) },
      null,
    ),
    ["error no_adapter", "error vulkan_driver_missing", "error no_vulkan"],
    [/card of Intel/, /apt-get install mesa-vulkan-drivers/],
  ],
  [
    "an NVIDIA card without any driver on Debian",
    factsOf({ files: linux("debian", { card: "nvidia", drivers: ["software"] }) }, LLVMPIPE),
    ["warning vulkan_driver_missing"],
    [/card of NVIDIA, but no Vulkan driver/, /nvidia-driver nvidia-vulkan-icd/],
  ],
  [
    "NVIDIA's module without its Vulkan library on Ubuntu",
    factsOf({
      files: linux("ubuntu", {
        card: "nvidia",
        drivers: ["software"],
        device: "/dev/nvidia0",
        files: NVIDIA_MODULE,
      }),
    }, LLVMPIPE),
    ["warning vulkan_driver_missing"],
    [/550\.54\.14 is installed without its Vulkan library/, /libnvidia-gl-550/],
  ],
  [
    "a container without /dev/dri on a machine with an AMD card",
    factsOf(container(linux("debian", { card: "amd", drivers: ["amd", "software"] })), LLVMPIPE),
    ["warning container_without_gpu"],
    [/card of AMD, which this container \(docker\)/, /--device \/dev\/dri/],
  ],
  [
    "a container that is given no NVIDIA card",
    factsOf(container(linux("debian", { card: "nvidia", drivers: ["software"] })), LLVMPIPE),
    ["warning container_without_gpu"],
    [/--gpus all and NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics/],
  ],
  [
    "the same in Kubernetes",
    factsOf(
      container(linux("debian", { card: "nvidia", drivers: ["software"] }), {
        KUBERNETES_SERVICE_HOST: "10.0.0.1",
      }),
      LLVMPIPE,
    ),
    ["warning container_without_gpu"],
    [/a request for nvidia\.com\/gpu in the pod/],
  ],
  [
    "a container with an NVIDIA card for CUDA alone",
    factsOf(
      container(linux("debian", { card: "nvidia", drivers: ["software"], device: "/dev/nvidia0" }), {
        NVIDIA_DRIVER_CAPABILITIES: "compute,utility",
      }),
      LLVMPIPE,
    ),
    ["warning nvidia_capabilities"],
    [/is "compute,utility"/, /compute,utility,graphics/],
  ],
  [
    "a container with NVIDIA's driver where the loader does not look",
    factsOf(
      container(linux("debian", {
        card: "nvidia",
        device: "/dev/nvidia0",
        files: { "/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json": "{}" },
      })),
      null,
    ),
    ["error no_adapter", "error driver_not_found_by_loader", "error no_vulkan"],
    [/VK_DRIVER_FILES=\/usr\/local\/nvidia\/share\/vulkan\/icd\.d\/nvidia_icd\.json/],
  ],
  [
    "a user who may not open the card",
    factsOf({
      files: linux("debian", { card: "amd", drivers: ["amd", "software"], device: "/dev/dri/renderD128" }),
      closed: ["/dev/dri/renderD128"],
    }, LLVMPIPE),
    ["warning device_not_permitted"],
    [/may not open \/dev\/dri\/renderD128/, /usermod -aG render,video/],
  ],
  [
    "card, driver and rights, and yet no GPU",
    factsOf({
      files: linux("debian", {
        card: "intel",
        drivers: ["intel", "software"],
        device: "/dev/dri/renderD128",
      }),
    }, LLVMPIPE),
    ["warning gpu_not_offered"],
    [/\(Intel\) does not offer it/, /vulkaninfo --summary/],
  ],
  [
    "WSL",
    factsOf({
      kernel: "5.15.167.4-microsoft-standard-WSL2",
      files: linux("ubuntu", { drivers: ["software"], device: "/dev/dxg" }),
    }, LLVMPIPE),
    ["warning wsl"],
    [/run unis on Windows itself/],
  ],
  [
    "variables that name drivers that are not there",
    factsOf({
      files: linux("debian", { drivers: ["software"] }),
      variables: {
        VK_DRIVER_FILES: "/nonexistent",
        VK_ICD_FILENAMES: "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json",
      },
    }, null),
    ["error no_adapter", "error driver_files_missing"],
    [/unset VK_DRIVER_FILES/],
  ],
  [
    "OpenGL by choice",
    factsOf({
      files: linux("debian", { drivers: ["amd"], card: "amd" }),
      variables: { DENO_WEBGPU_BACKEND: "gl" },
    }, {
      ...CARD,
      features: ["timestamp-query"],
    }),
    ["warning opengl", "warning wrong_backend", "note no_shader_f16"],
    [/is "gl", which leaves out vulkan/, /unset DENO_WEBGPU_BACKEND/, /--precision f32/],
  ],
  [
    "OpenGL for want of Vulkan",
    factsOf({ files: linux("debian", { loader: false }) }, LLVMPIPE),
    ["warning opengl", "warning no_vulkan"],
    [/DENO_WEBGPU_BACKEND=vulkan keeps Deno from OpenGL/, /apt-get install mesa-vulkan-drivers/],
  ],
  [
    "one of several backends",
    factsOf({
      files: linux("debian", { drivers: ["software"] }),
      variables: { DENO_WEBGPU_BACKEND: "vulkan,metal,dx12" },
    }, LLVMPIPE),
    [],
    [],
  ],
  ["macOS without Metal", factsOf({ os: "darwin" }, null), ["error no_adapter", "error no_metal"], [/Metal/]],
  [
    "macOS with the backend of Linux",
    factsOf({ os: "darwin", variables: { DENO_WEBGPU_BACKEND: "vulkan" } }, null),
    ["error no_adapter", "error wrong_backend"],
    [/set it to metal/],
  ],
  [
    "Windows with the basic driver",
    factsOf(
      { os: "windows" },
      adapter("Microsoft Basic Render Driver", true, "shader-f16", "timestamp-query"),
    ),
    ["warning no_direct3d"],
    [/driver of the vendor/],
  ],
  [
    "a card that may not be looked for",
    factsOf(
      { files: linux("debian", { drivers: ["software"] }), hidden: ["/sys", "/dev", "/proc"] },
      LLVMPIPE,
    ),
    ["warning cards_not_seen"],
    [/sh scripts\/run\.sh doctor/],
  ],
  [
    "an old Deno",
    factsOf({ deno: "2.8.3", files: linux("debian", { card: "amd", drivers: ["amd"] }) }, CARD),
    ["error deno_too_old"],
    [/2\.8\.3 is older than 2\.9/, /deno upgrade/],
  ],
  [
    "a newer Deno",
    factsOf({ deno: "3.0.0", files: linux("debian", { card: "amd", drivers: ["amd"] }) }, CARD),
    [],
    [],
  ],
  [
    "wrong results",
    factsOf({ files: linux("debian", { card: "amd", drivers: ["amd"] }) }, CARD, {
      fault: "sums gave 3 where 4 is right",
    }),
    ["error self_test_failed"],
    [/sums gave 3 where 4 is right/, /update the driver/],
  ],
  [
    "a cache that cannot be written, and features that are missing",
    factsOf({ files: linux("debian", { card: "amd", drivers: ["amd"] }) }, adapter("A card", false), {
      places: [readonly, { ...readonly, name: "hub_cache", fault: null }],
      too_large: "a tensor is beyond its limits",
    }),
    [
      "warning cache_not_writable",
      "note base_sizes_do_not_fit",
      "note no_shader_f16",
      "note no_timestamp_query",
    ],
    [/UNIS_CACHE_DIR/, /beyond its limits/, /--profile and unis tune/],
  ],
];

for (const [what, facts, expected, says] of CASES) {
  Deno.test(`diagnose() of ${what}`, () => {
    const problems = diagnose(facts);
    assert.deepEqual(brief(problems), expected);
    const text = problems.map(({ what, cure }) => `${what} -> ${cure}`).join("\n");
    for (const pattern of says) assert.match(text, pattern);
    assert.equal(isReady(problems), !expected.some((problem) => problem.startsWith("error")));
  });
}

Deno.test("diagnose() weighs the memory that base sizes take against the machine's, on a processor alone", () => {
  const files = linux("debian", { drivers: ["software"] });
  const sizes = (held: number) => ({
    model: "ViT + BERT",
    batch: 32,
    memory: {
      micro_batch: 1,
      weights: 1,
      gradients: 1,
      moments: 2,
      activations: 1,
      held,
      largest_buffer: 1,
      binding_limit: 1,
    },
    operations: 1,
    seconds: null,
    least_seconds: null,
  });
  const of = (used: typeof CARD, held: number) =>
    brief(diagnose(factsOf({ files }, used, { base_sizes: sizes(held) })));
  assert.deepEqual(of(LLVMPIPE, 2 ** 36), ["note little_memory"]);
  assert.deepEqual(of(LLVMPIPE, 2 ** 30), []);
  assert.deepEqual(of(CARD, 2 ** 36), []);
});
