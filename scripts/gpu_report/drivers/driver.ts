/** What is to be known of a driver. */
import type { Figures } from "../figures.ts";

/** A Vulkan driver of Mesa, and how to read what it prints of a compute kernel. */
export interface Driver {
  readonly name: string;
  /** The file, without its extension, by which Vulkan's loader knows it. */
  readonly manifest: string;
  /** The shim that stands in for the kernel's interface. */
  readonly shim: string;
  /** What makes it print its kernels to standard error, and whatever else it wants. */
  readonly environment: Readonly<Record<string, string>>;
  /** Reads what was printed while one pipeline was made. Throws an Error where there is nothing to read. */
  read(printed: string): Figures;
}
