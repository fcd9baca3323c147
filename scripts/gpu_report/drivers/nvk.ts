/** NVK, Mesa's driver for NVIDIA, and NAK, its compiler. */
import { type Block, numberAfter, sharesOf } from "../figures.ts";
import type { Driver } from "./driver.ts";

export const nvk: Driver = {
  name: "NVK/NAK",
  manifest: "nouveau_icd",
  shim: "libnouveau_noop_drm_shim.so",
  environment: { NAK_DEBUG: "print", NVK_I_WANT_A_BROKEN_VULKAN_DRIVER: "1" },
  read(printed) {
    return {
      registers: numberAfter(printed, "Num GPRs"),
      spills: numberAfter(printed, "Spills to mem"),
      scratch: numberAfter(printed, "SLM size"),
      occupancy: numberAfter(printed, "Max warps/SM"),
      instructions: numberAfter(printed, "Instruction count"),
      shares: sharesOf(blocksOf(printed)),
    };
  },
};

/**
 * The listing is printed after every pass; the last is that of the machine. A block opens as `block.u 3 L7 [1, 2] -> {`, with
 * its number and those before it, and closes as `} -> [4]`.
 */
function blocksOf(printed: string): Block[] {
  const last = printed.slice(printed.lastIndexOf("NAK IR"));
  return [...last.matchAll(/^ *block\S* \d+ .*\{\n([\s\S]*?)^ *\} -> \[([^\]]*)\]/gm)].map(
    ([, text, successors]) => {
      const instructions = text!.split("\n").filter((line) => line.trim() !== "");
      return {
        instructions: instructions.length,
        multiplyAdds: instructions.reduce((sum, line) => sum + multiplyAddsOf(line), 0),
        successors: successors!.split(",").filter((name) => name.trim() !== "").map(Number),
      };
    },
  );
}

/** The operation stands behind the registers that it sets: `r4 = ffma r1 r2 r3`. A packed one counts two. */
function multiplyAddsOf(line: string): number {
  const operation = line.match(/(?:= *|^[\s@!\w]*?)\b([fh]fma2?)\b/)?.[1];
  return operation === undefined ? 0 : operation.startsWith("h") ? 2 : 1;
}
