/** Decoders that are WebAssembly modules of npm packages. */
import { packagePath } from "../../package_file.ts";
import type { RgbaImage } from "./image_format.ts";

interface Codec {
  decode(bytes: Uint8Array, ...options: unknown[]): RgbaImage | null;
}

/** What the packages' modules of JavaScript export. */
type CreateCodec = (options: object) => Promise<unknown>;

/** A codec that starts with the first image, and again after one that ended it. */
export class WasmDecoder {
  readonly #create: CreateCodec;
  readonly #file: string;
  #compiled: Promise<WebAssembly.Module> | undefined;
  #codec: Promise<Codec> | undefined;

  /** `file` is that of the module in its package, such as `@jsquash/webp/codec/dec/webp_dec.wasm`. */
  constructor(create: CreateCodec, file: string) {
    this.#create = create;
    this.#file = file;
  }

  /** Throws where the data is damaged beyond use. */
  async decode(bytes: Uint8Array, ...options: unknown[]): Promise<RgbaImage> {
    this.#codec ??= this.#start();
    try {
      const image = (await this.#codec).decode(bytes, ...options);
      if (image === null) throw new Error("it cannot be decoded");
      return image;
    } catch (cause) {
      this.#codec = undefined; // codecs give up by ending their program: the next image needs a new one
      throw new Error("its data is damaged", { cause });
    }
  }

  async #start(): Promise<Codec> {
    // The package would fetch the module; it is read from the package's folder instead.
    this.#compiled ??= Deno.readFile(packagePath(this.#file, (specifier) => import.meta.resolve(specifier)))
      .then((code) => WebAssembly.compile(code));
    const module = await this.#compiled;
    return await this.#create({
      noInitialRun: true,
      print: () => {},
      printErr: () => {}, // warnings
      instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
        const instance = new WebAssembly.Instance(module, imports);
        done(instance);
        return instance.exports;
      },
    }) as Codec;
  }
}
