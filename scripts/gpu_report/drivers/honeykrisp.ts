/** HoneyKrisp, Mesa's driver for Apple's GPUs, whose compiler prints one line a kernel and its instructions elsewhere. */
import type { Driver } from "./driver.ts";

export const honeykrisp: Driver = {
  name: "HoneyKrisp/AGX",
  manifest: "asahi_icd",
  shim: "libasahi_noop_drm_shim.so",
  environment: { AGX_MESA_DEBUG: "shaderdb" },
  read(printed) {
    const numbers = printed.match(
      /^CS shader: (\d+) instrs,.* (\d+) gprs,.* (\d+) scratch, (\d+) threads,.* (\d+):\d+ spills:fills/m,
    );
    if (!numbers) throw new Error('The driver printed no line "CS shader:"');
    const [instructions, halves, scratch, threads, spills] = numbers.slice(1).map(Number);
    return {
      registers: Math.ceil(halves! / 2), // counted in halves of 16 bits
      spills: spills!,
      scratch: scratch!,
      occupancy: threads! / 32,
      instructions: instructions!,
    };
  },
};
