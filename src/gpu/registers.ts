/** What is known of GPUs' registers, which WebGPU does not tell. */

const FEW = /apple|adreno|mali|powervr/i;

/** True for GPUs that give an invocation 128 registers, or fewer where many run: by names as drivers give them. */
export function hasFewRegisters(name: string): boolean {
  return FEW.test(name);
}
