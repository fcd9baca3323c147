/**
 * Matrix units (tensor cores, WMMA, simdgroup matrices): hardware that multiplies small matrices, which the lanes of a subgroup
 * hold together. WGSL knows them by Dawn's extension `chromium_experimental_subgroup_matrix` alone.
 */
import { type Backend, MATRICES, SIZE_CONTROL } from "./backend.ts";
import { type Constants, specialise } from "./kernel.ts";
import { probe, type Wanted } from "./probe.ts";
import probeFile from "../../wgsl/lib/matrix_probe.wgsl" with { type: "text" };

/** c + a · b for a [m, k] and b [k, n] of f16 and c [m, n] of f32. */
export interface MatrixUnit {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Lanes of the subgroup that computes it: for kernels whose entry has `@subgroup_size(SUBGROUP)`. */
  readonly subgroup: number;
}

/** What Dawn adds to the description of an adapter. */
interface MatrixInfo extends GPUAdapterInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
}

/** The features that a device must be asked for to have matrix units; none where the adapter has none. */
export function matrixFeatures({ features }: GPUAdapter): readonly GPUFeatureName[] {
  const needed = [MATRICES, "subgroups", "shader-f16"] as GPUFeatureName[];
  if (!needed.every((feature) => features.has(feature))) return [];
  return features.has(SIZE_CONTROL) ? [...needed, SIZE_CONTROL] : needed;
}

/** The matrix units of a device that was asked for `matrixFeatures`, from the largest. */
export async function findMatrixUnits(
  device: GPUDevice,
  { info }: GPUAdapter,
  backend: Backend,
  wanted: Wanted,
): Promise<readonly MatrixUnit[]> {
  if (!device.features.has(MATRICES)) return [];
  const units: MatrixUnit[] = [];
  for (const unit of listed(info)) {
    // A driver that chooses the lanes of a subgroup by the kernel could choose others than were tested.
    for (let subgroup = info.subgroupMinSize; subgroup <= info.subgroupMaxSize; subgroup *= 2) {
      if (subgroup !== info.subgroupMaxSize && !device.features.has(SIZE_CONTROL)) break;
      const candidate = { ...unit, subgroup };
      if (wanted === "tested" && !await isRight(device, backend, candidate)) continue;
      units.push(candidate);
      break; // the fewest lanes: they leave an accumulator the most registers
    }
  }
  return units.sort((a, b) => b.m * b.n * b.k - a.m * a.n * a.k);
}

/** The configurations of an adapter that multiply f16 and add in f32. */
function listed({ subgroupMatrixConfigs = [] }: MatrixInfo): Omit<MatrixUnit, "subgroup">[] {
  return [...subgroupMatrixConfigs]
    .filter(({ componentType, resultComponentType }) =>
      componentType === "f16" && resultComponentType === "f32"
    )
    .map(({ M, N, K }) => ({ m: M, n: N, k: K }));
}

/** What a kernel that is written for any matrix unit must know of one. */
export function matrixConstants({ m, n, k, subgroup }: MatrixUnit): Constants {
  return { M: m, N: n, K: k, SUBGROUP: subgroup };
}

/** True where two subgroups compute what matrix_probe.wgsl says. */
async function isRight(device: GPUDevice, backend: Backend, unit: MatrixUnit): Promise<boolean> {
  const { m, n, k, subgroup } = unit;
  const code = specialise("matrix_probe", probeFile, matrixConstants(unit));
  const found = await probe(device, backend, code, 4 * (2 * m * n + 1));
  if (!found) return false;
  const element = (part: number, i: number) => (5 * i + 3 * part) % 11 - 5;
  const values = new Float32Array(found);
  return values.every((value, at) => {
    if (at === 2 * m * n) return value === subgroup;
    const s = Math.floor(at / (m * n)), row = Math.floor(at / n) % m, column = at % n;
    let sum = 0;
    for (let i = 0; i < k; i++) {
      sum += element(s, row * k + i) * element(s + 1, column * k + i);
      sum += element(s + 1, i * m + row) * element(s, i * n + column);
    }
    return value === sum;
  });
}
