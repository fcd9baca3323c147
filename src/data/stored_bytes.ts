/** A file that lies within a larger one: a member of an archive, or a cell of a table. */
export class StoredBytes {
  /** The file that holds it. */
  readonly file: string;
  /** How messages name it: "train.parquet, row 7". */
  readonly name: string;
  /** Those of one block of a file are read for the price of one of them; undefined where each is read by itself. */
  readonly block: string | undefined;
  readonly #read: () => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;

  constructor(
    file: string,
    name: string,
    read: () => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>,
    block?: string,
  ) {
    this.file = file;
    this.name = name;
    this.block = block;
    this.#read = read;
  }

  /** Its bytes, in a buffer of their own; nothing keeps them. Rejects with a UserError where they cannot be read. */
  async read(): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#read();
  }

  toJSON(): string {
    return this.name;
  }
}

/** Where the bytes of an image are: in a file by its path, or within a larger one. */
export type ImageLocation = string | StoredBytes;

/** What messages call an image: its path, or where it lies. */
export function nameOf(image: ImageLocation): string {
  return typeof image === "string" ? image : image.name;
}

/** The bytes of an image, in a buffer of their own. Rejects as what reads them does. */
export async function bytesOf(image: ImageLocation): Promise<Uint8Array<ArrayBuffer>> {
  return typeof image === "string" ? await Deno.readFile(image) : await image.read();
}

/** Names an image: the same for the same place, another for another. */
export function locationKey(image: ImageLocation): string {
  return typeof image === "string" ? image : `${image.file}\n${image.name}`;
}
