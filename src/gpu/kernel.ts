/** Turns WGSL files into kernels: link, read through textures, specialise, reflect. Pure text; nothing here touches a device. */
import texelFile from "../../wgsl/lib/texel.wgsl" with { type: "text" };

/** Values for the top-level `alias` and `const` declarations of a kernel. */
export type Constants = Readonly<Record<string, string | number | boolean>>;

/** A named bundle of WGSL files that together declare one or more entry points. */
export interface KernelSource {
  readonly label: string;
  readonly code: string;
  /** The same for workgroups that are one subgroup, where some file has a version for those. */
  readonly subgroupCode?: string;
}

/** A file in two versions: for any workgroup, and for one that is one subgroup. Both declare the same. */
export interface TwoVersions {
  readonly workgroup: string;
  readonly subgroup: string;
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

/**
 * Joins WGSL files under one label. WGSL resolves module scope in any order, so joining is linking. Arrays named in
 * `textures` are read through copies in textures (see `textures.ts`): each holds elements of four numbers, is read only,
 * and a read `x[i]` gives a vec4f whatever the element's type. A name not declared so throws.
 */
export function defineKernel(
  label: string,
  files: readonly (string | TwoVersions)[],
  textures: readonly string[] = [],
): KernelSource {
  const linked = (version: keyof TwoVersions) => {
    const code = files.map((file) => typeof file === "string" ? file : file[version]).join("\n");
    if (textures.length === 0) return code;
    return `${textures.reduce((code, name) => throughTexture(label, code, name), code)}\n${texelFile}`;
  };
  const hasVersions = files.some((file) => typeof file !== "string");
  return { label, code: linked("workgroup"), ...(hasVersions && { subgroupCode: linked("subgroup") }) };
}

function throughTexture(label: string, code: string, name: string): string {
  const declaration = new RegExp(`var<storage, read> ${name}: array<[^;]+>;`);
  if (!declaration.test(code)) {
    throw new RangeError(
      `Cannot read "${name}" through a texture: kernel ${label} declares no such array to read`,
    );
  }
  return code
    .replace(declaration, `var ${name}: texture_2d<f32>;`)
    .replace(FUNCTIONS, (body) => uses(body, name) ? withTexels(body, name) : body);
}

/** Every `name[index]` becomes `texel(name, index)`. */
function withTexels(body: string, name: string): string {
  const read = new RegExp(`(?<![.\\w])${name}\\[`);
  for (let match = read.exec(body); match; match = read.exec(body)) {
    const from = match.index + match[0].length;
    let end = from;
    for (let open = 1; open > 0; end++) open += Number(body[end] === "[") - Number(body[end] === "]");
    body = `${body.slice(0, match.index)}texel(${name}, ${body.slice(from, end - 1)})${body.slice(end)}`;
  }
  return body;
}

/** Rewrites the right-hand side of top-level `alias`/`const` declarations, and nothing else. An unknown name throws. */
export function specialise(
  kernel: Pick<KernelSource, "label" | "code">,
  constants: Constants,
): string {
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

const FUNCTIONS = /^fn (\w+)\((?:[^\n]*\}$|[\s\S]*?\n\}$)/gm;

/** The functions an entry point can reach, itself among them, as text. */
function reachable(label: string, code: string, entry: string): string[] {
  const bodies = new Map([...code.matchAll(FUNCTIONS)].map(([text, name]) => [name!, text]));
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
