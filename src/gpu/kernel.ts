/** From WGSL files to kernels: link, specialise, reflect. All of it works on text; nothing here touches a device. */
import texelFile from "../../wgsl/lib/texel.wgsl" with { type: "text" };

/** Values for the top-level `alias` and `const` declarations of a kernel. */
export type Constants = Readonly<Record<string, string | number | boolean>>;

/** A file in two versions, for any workgroup and for one that is one subgroup. Both declare the same names. */
export interface TwoVersions {
  readonly workgroup: string;
  readonly subgroup: string;
}

/** A named bundle of WGSL files that together declare one or more entry points. */
export interface KernelSource {
  readonly label: string;
  readonly files: readonly (string | TwoVersions)[];
  /** Names of arrays that processors read through copies in textures; see `link`. */
  readonly textures: readonly string[];
}

/** What the files of a kernel are joined for. */
export interface Linking {
  /** True where a workgroup is one subgroup. */
  readonly subgroup: boolean;
  /** True where the arrays that the kernel names are read through textures. */
  readonly textures: boolean;
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
  /** Bytes from the front of the uniform. */
  readonly offset: number;
}

/** An entry point as its caller must know it. */
export interface EntryInfo {
  /** The bindings that it uses, in order of their index. */
  readonly bindings: readonly BindingInfo[];
  /** The fields of `struct Params` that it uses, in order. */
  readonly params: readonly ParamInfo[];
  /** Invocations of a workgroup; undefined where `@workgroup_size` has more than one number, or one that is computed. */
  readonly workgroupSize: number | undefined;
}

/** `textures` name read-only arrays whose elements have four numbers. Throws RangeError for a name not declared so. */
export function defineKernel(
  label: string,
  files: KernelSource["files"],
  textures: readonly string[] = [],
): KernelSource {
  const kernel = { label, files, textures };
  if (textures.length > 0) link(kernel, { subgroup: false, textures: true });
  return kernel;
}

/**
 * Joins the files of a kernel. WGSL resolves module scope in any order, so joining is linking. What is read through a
 * texture (see `textures.ts`) is no array any more, but a read `x[i]` gives its element, as a vec4f whatever its type.
 */
export function link({ label, files, textures }: KernelSource, how: Linking): string {
  const version = how.subgroup ? "subgroup" : "workgroup";
  const code = files.map((file) => typeof file === "string" ? file : file[version]).join("\n");
  if (!how.textures || textures.length === 0) return code;
  return `${textures.reduce((code, name) => throughTexture(label, code, name), code)}\n${texelFile}`;
}

/** Declares the array `name` as a texture, and reads it as one. */
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
    for (let open = 1; open > 0 && end < body.length; end++) {
      open += Number(body[end] === "[") - Number(body[end] === "]");
    }
    body = `${body.slice(0, match.index)}texel(${name}, ${body.slice(from, end - 1)})${body.slice(end)}`;
  }
  return body;
}

/** Rewrites the right-hand side of top-level `alias` and `const` declarations. Throws RangeError for an unknown name. */
export function specialise(label: string, code: string, constants: Constants): string {
  for (const [name, value] of Object.entries(constants)) {
    const declaration = new RegExp(`^((?:alias|const) ${name}\\b[^=]*= )[^;]+;`, "m");
    if (!declaration.test(code)) {
      throw new RangeError(
        `Cannot specialise "${name}": kernel ${label} declares no such alias or const`,
      );
    }
    code = code.replace(declaration, `$1${value}${typeof value === "number" ? "u" : ""};`);
  }
  return /^alias \w+ = f16;/m.test(code) ? `enable f16;\n${code}` : code;
}

/** Functions at the top level: on one line, or up to a closing brace at the start of a line. */
const FUNCTIONS = /^fn (\w+)\((?:[^\n]*\}$|[\s\S]*?\n\}$)/gm;

/** The functions an entry point can reach, itself among them, as text. Throws RangeError for an entry that is not there. */
export function reachable(label: string, code: string, entry: string): string[] {
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

/**
 * Reads an entry point's bindings, parameters and workgroup size from the WGSL itself, functions that it reaches included.
 * Throws RangeError for an entry that is not there, or where `params` is used as a whole.
 */
export function reflect(label: string, code: string, entry: string): EntryInfo {
  const bodies = reachable(label, code, entry);
  return {
    bindings: bindingsOf(code, bodies),
    params: paramsOf(label, code, bodies),
    workgroupSize: workgroupSizeOf(code, entry),
  };
}

function bindingsOf(code: string, bodies: readonly string[]): BindingInfo[] {
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

/** Every field of `struct Params` is a scalar of 4 bytes, so a field's offset is 4 times its position. */
function paramsOf(label: string, code: string, bodies: readonly string[]): ParamInfo[] {
  const used = new Set<string>();
  for (const body of bodies) {
    for (const [, field] of body.matchAll(/(?<![.\w])params\b(?:\.(\w+))?/g)) {
      if (field === undefined) {
        throw new RangeError(
          `Cannot tell what kernel ${label} uses of params: write params.field everywhere`,
        );
      }
      used.add(field);
    }
  }
  const fields = code.match(/^struct Params \{([^}]*)\}/m)?.[1] ?? "";
  return [...fields.matchAll(/(\w+): (u32|i32|f32)/g)]
    .map(([, name, type], i): ParamInfo => ({ name: name!, type: type as ParamInfo["type"], offset: 4 * i }))
    .filter(({ name }) => used.has(name));
}

/** The number in `@workgroup_size(N)`, where it stands there or is a constant that stands in the text. */
function workgroupSizeOf(code: string, entry: string): number | undefined {
  const size = code.match(new RegExp(`@workgroup_size\\((\\w+)\\)\\s*fn ${entry}\\(`))?.[1];
  if (size === undefined) return undefined;
  return /^\d/.test(size) ? parseInt(size) : numberOf(code, size);
}

/** The value of `const NAME: u32 = 64u;`; undefined where there is no such declaration. */
function numberOf(code: string, name: string): number | undefined {
  const value = code.match(new RegExp(`^const ${name}: u32 = (\\d+)u;`, "m"))?.[1];
  return value === undefined ? undefined : Number(value);
}

/**
 * The value of a declaration `const NAME: u32 = 64u;` in the text of a file: what the host must know of a kernel is
 * written there alone. Throws RangeError where there is no such declaration.
 */
export function readConstant(code: string, name: string): number {
  const value = numberOf(code, name);
  if (value === undefined) {
    throw new RangeError(`Cannot read constant ${name}: the file declares no such u32`);
  }
  return value;
}
