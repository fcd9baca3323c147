/** Turns WGSL files into kernels: link, specialise, reflect. Pure text; nothing here touches a device. */

/** Values for the top-level `alias` and `const` declarations of a kernel. */
export type Constants = Readonly<Record<string, string | number | boolean>>;

/** A named bundle of WGSL files that together declare one or more entry points. */
export interface KernelSource {
  readonly label: string;
  readonly code: string;
}

export interface BindingInfo {
  readonly name: string;
  readonly index: number;
  /** `texture`: the buffer is read through a copy in a texture. */
  readonly type: GPUBufferBindingType | "texture";
}

export interface ParamInfo {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
}

/** Joins WGSL files under one label. WGSL resolves module scope in any order, so joining is linking. */
export function defineKernel(label: string, files: readonly string[]): KernelSource {
  return { label, code: files.join("\n") };
}

/** Rewrites the right-hand side of top-level `alias`/`const` declarations, and nothing else. An unknown name throws. */
export function specialise(kernel: KernelSource, constants: Constants): string {
  let { code } = kernel;
  for (const [name, value] of Object.entries(constants)) {
    const declaration = new RegExp(`^((?:alias|const) ${name}\\b[^=]*= )[^;]+;`, "m");
    if (!declaration.test(code)) {
      throw new RangeError(
        `Cannot specialise "${name}": kernel ${kernel.label} declares no such alias or const`,
      );
    }
    code = code.replace(declaration, `$1${value}${typeof value === "number" ? "u" : ""};`);
  }
  return /^alias \w+ = f16;/m.test(code) ? `enable f16;\n${code}` : code;
}

/** The functions an entry point can reach, itself among them, as text. */
function reachable(label: string, code: string, entry: string): string[] {
  const functions = /^fn (\w+)\((?:[^\n]*\}$|[\s\S]*?\n\}$)/gm;
  const bodies = new Map([...code.matchAll(functions)].map(([text, name]) => [name!, text]));
  if (!bodies.has(entry)) throw new RangeError(`Cannot find entry point "${entry}" in kernel ${label}`);
  const seen = new Set([entry]);
  for (const name of seen) {
    for (const callee of bodies.keys()) {
      if (new RegExp(`\\b${callee}\\(`).test(bodies.get(name)!)) seen.add(callee);
    }
  }
  return [...seen].map((name) => bodies.get(name)!);
}

/** True when a function names a module-scope variable, and no parameter or local of its own by that name. */
function uses(body: string, name: string): boolean {
  const declared = new RegExp(`\\b(?:let|var|const) ${name}\\b|^[^{]*[(,]\\s*${name}: `);
  return new RegExp(`(?<![.\\w])${name}\\b`).test(body) && !declared.test(body);
}

/** The bindings an entry point uses, in order of their index, read from the WGSL itself. */
export function reflectBindings(label: string, code: string, entry: string): BindingInfo[] {
  const bodies = reachable(label, code, entry);
  const pattern =
    /@group\(0\) @binding\((\d+)\) var(?:<(uniform|storage, read_write|storage, read)>)? (\w+): /g;
  return [...code.matchAll(pattern)]
    .filter(([, , , name]) => bodies.some((body) => uses(body, name!)))
    .map(([, index, access, name]): BindingInfo => ({
      name: name!,
      index: Number(index),
      type: BINDING_TYPES[access ?? "texture"]!,
    }))
    .sort((a, b) => a.index - b.index);
}

const BINDING_TYPES: Readonly<Record<string, BindingInfo["type"]>> = {
  "uniform": "uniform",
  "storage, read": "read-only-storage",
  "storage, read_write": "storage",
  "texture": "texture",
};

/** The fields of `struct Params`, in order. Every field is a 4-byte scalar, so a field's offset is 4 × its position. */
export function reflectParams(code: string): ParamInfo[] {
  const body = code.match(/^struct Params \{([^}]*)\}/m)?.[1] ?? "";
  return [...body.matchAll(/(\w+): (u32|i32|f32)/g)]
    .map(([, name, type]) => ({ name: name!, type: type as ParamInfo["type"] }));
}
