/** RADV, Mesa's driver for AMD, and ACO, its compiler. */
import { type Block, numberAfter, sharesOf } from "../figures.ts";
import type { Driver } from "./driver.ts";

export const radv: Driver = {
  name: "RADV/ACO",
  manifest: "radeon_icd",
  shim: "libamdgpu_noop_drm_shim.so",
  environment: { RADV_DEBUG: "asm,shaderstats" },
  read(printed) {
    return {
      registers: numberAfter(printed, "VGPRs"),
      spills: numberAfter(printed, "Spilled VGPRs"),
      scratch: numberAfter(printed, "Scratch size"),
      occupancy: numberAfter(printed, "Subgroups per SIMD"),
      instructions: numberAfter(printed, "Instructions"),
      shares: sharesOf(blocksOf(printed)),
    };
  },
};

/** `BB3:` opens a block; instructions are indented, and end at a semicolon, behind which stand their bytes. */
function blocksOf(printed: string): Block[] {
  const listing = printed.slice(printed.indexOf("disasm:"), printed.indexOf("*** SHADER STATS"));
  const parts = listing.split(/^BB(\d+):/m).slice(1);
  const names = parts.filter((_, i) => i % 2 === 0);
  const texts = parts.filter((_, i) => i % 2 === 1);
  return texts.map((text, i) => {
    const instructions = [...text.matchAll(/^\t([a-z][^;\n]+)/gm)].map(([, instruction]) =>
      instruction!.trim()
    );
    const targets = instructions
      .map((instruction) => instruction.match(/^s_c?branch\w* BB(\d+)/)?.[1])
      .filter((name) => name !== undefined);
    // Behind the last jump there may be padding.
    const ends = instructions.some((instruction) => /^s_(branch|endpgm|setpc)/.test(instruction));
    const falls = !ends && i + 1 < texts.length;
    return {
      instructions: instructions.length,
      multiplyAdds: instructions.reduce((sum, instruction) => sum + multiplyAddsOf(instruction), 0),
      successors: [...targets.map((name) => names.indexOf(name)), ...falls ? [i + 1] : []],
    };
  });
}

/** Of subgroups that matrix units multiply for: see @subgroup_size in src/gpu/matrix_units.ts. */
const LANES = 32;

/** A dual instruction counts each of its halves, a packed one two, one of matrix units a lane's share; integers do not count. */
function multiplyAddsOf(instruction: string): number {
  const matrices = instruction.match(/^v_wmma_f32_(\d+)x(\d+)x(\d+)_f16/);
  if (matrices) return matrices.slice(1).reduce((product, size) => product * Number(size), 1) / LANES;
  if (instruction.startsWith("v_dual_")) {
    return instruction.match(/v_dual_(fmac|fmaak|fmamk)/g)?.length ?? 0;
  }
  if (/^v_(pk_fma|dot2)_/.test(instruction)) return 2;
  return /^v_(fma|fmac|fmaak|fmamk|mad|mac|madak|madmk)_(mix\w*_)?(legacy_)?f\d+/.test(instruction) ? 1 : 0;
}
