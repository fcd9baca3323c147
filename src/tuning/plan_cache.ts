/** The cache of tuned plans of matrix products, which `unis tune` writes: one file for an adapter. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import type { Gpu } from "../gpu/gpu.ts";
import { reason } from "../io/file_bytes.ts";
import { readJsonFile, writeJsonFile } from "../io/json_file.ts";
import { UserError } from "../base/user_error.ts";
import { GEMM_SOURCES } from "../ops/gemm_kernels.ts";
import { candidatePlans, type GemmPlan, type PlanDevice, tunedPlans } from "../ops/gemm_plan.ts";
import { type Epilogue, EPILOGUES, type GemmShape, nameOfShape } from "../ops/gemm_shape.ts";
import type { Tuned } from "./measure_plans.ts";
import { exists } from "../io/files.ts";

/** Must be raised when plans or shapes get other fields. */
const SCHEMA = 2;

const size = z.number().int().positive();
const float = z.enum(["f32", "f16"]);
const shapeSchema = z.strictObject({
  m: size,
  n: size,
  k: size,
  batch: size,
  transposeA: z.boolean(),
  transposeB: z.boolean(),
  sharedA: z.boolean(),
  sharedB: z.boolean(),
  epilogue: z.enum(Object.keys(EPILOGUES) as Epilogue[]),
  dtype: float,
  result: float,
});

const fileSchema = z.strictObject({
  adapter: z.string(),
  adapter_class: z.string(),
  kernels: z.string(),
  plans: z.array(z.strictObject({
    shape: shapeSchema,
    plan: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    milliseconds: z.number(),
    default_milliseconds: z.number(),
  })),
});

type PlanFile = z.infer<typeof fileSchema>;

/** A digest of everything that the speed of plans depends on: the text of the kernels, and the fields of plans. */
const KERNELS = createHash("sha256").update(JSON.stringify([SCHEMA, GEMM_SOURCES])).digest("hex").slice(
  0,
  16,
);

type Device = PlanDevice & Pick<Gpu, "identity">;

/** The file with the plans of a device in the folder of caches. */
export function planFile(directory: string, { name, adapterClass }: Device): string {
  const slug = `${name} ${adapterClass}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(
    /^-|-$/g,
    "",
  );
  return join(directory, `gemm-plans-${slug}.json`);
}

/**
 * The plans tuned for this device, by the names of shapes, as `tunedPlans` holds them; empty where there are none. A file
 * that is damaged, or of another adapter, driver or version of the kernels, is not used, and `note` is called with why.
 */
export function loadPlans(
  directory: string,
  device: Device,
  note: (message: string) => void,
): ReadonlyMap<string, GemmPlan> {
  const path = planFile(directory, device);
  try {
    if (!exists(path)) return new Map();
    const { plans } = readPlanFile(path, device);
    return new Map(plans.map(({ shape, plan }) => [nameOfShape(shape), plan as unknown as GemmPlan]));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    note(`${error.message}; products go by the default plans until you run unis tune again`);
    return new Map();
  }
}

/** Writes plans down beside those for other shapes that are there already. Gives the path. */
export function savePlans(
  directory: string,
  device: Device,
  tuned: readonly Tuned[],
  note: (message: string) => void,
): string {
  const path = planFile(directory, device);
  const entries = new Map<string, PlanFile["plans"][number]>();
  try {
    if (exists(path)) {
      for (const entry of readPlanFile(path, device).plans) entries.set(nameOfShape(entry.shape), entry);
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    note(`${error.message}; it is replaced`);
  }
  for (const { shape, plan, milliseconds, defaultMilliseconds } of tuned) {
    entries.set(nameOfShape(shape), {
      shape,
      plan: { ...plan },
      milliseconds,
      default_milliseconds: defaultMilliseconds,
    });
  }
  try {
    Deno.mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new UserError(`Cannot make ${directory}: ${reason(error)}`);
  }
  const file: PlanFile = { ...keyOf(device), plans: [...entries.values()] };
  writeJsonFile(path, file);
  return path;
}

/** A device's tuned plans for the record: how many, and a digest to compare by. Undefined where it has none. */
export function describePlans(device: Pick<Gpu, "slots">): { shapes: number; sha256: string } | undefined {
  const plans = tunedPlans.get(device);
  if (plans === undefined || plans.size === 0) return undefined;
  const sha256 = createHash("sha256").update(JSON.stringify([...plans].sort())).digest("hex");
  return { shapes: plans.size, sha256 };
}

function keyOf({ identity, adapterClass }: Device) {
  return { adapter: identity, adapter_class: adapterClass, kernels: KERNELS };
}

/** Throws a UserError where the file is not for this device and these kernels, or holds a plan that is none. */
function readPlanFile(path: string, device: Device): PlanFile {
  const result = fileSchema.safeParse(readJsonFile(path));
  if (!result.success) throw new UserError(`Cannot use ${path}: it is damaged`);
  const file = result.data;
  const key = keyOf(device);
  if (file.adapter !== key.adapter || file.adapter_class !== key.adapter_class) {
    throw new UserError(`Cannot use ${path}: it is of another adapter or driver, "${file.adapter}"`);
  }
  if (file.kernels !== key.kernels) {
    throw new UserError(`Cannot use ${path}: it is of another version of unis`);
  }
  for (const { shape, plan } of file.plans) {
    if (!isCandidate(device, shape, plan)) {
      throw new UserError(`Cannot use ${path}: it has no valid plan for ${nameOfShape(shape)}`);
    }
  }
  return file;
}

function isCandidate(
  device: Device,
  shape: GemmShape,
  plan: Readonly<Record<string, string | number | boolean>>,
): boolean {
  const canonical = (plan: object) => JSON.stringify(Object.entries(plan).sort());
  return candidatePlans(device, shape).some((candidate) => canonical(candidate) === canonical(plan));
}
