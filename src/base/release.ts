/** Giving memory back before it is collected. */

/**
 * Frees an array that nothing reads any more; it is empty then. Engines collect small objects by their own size and see
 * late that each of them holds many bytes: a program that makes an array for every image keeps some 64 MiB of dead ones in
 * each of its threads. An array that is only a part of a buffer is left as it is.
 */
export function release({ buffer, byteLength }: ArrayBufferView): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !buffer.detached) {
    buffer.transfer(0);
  }
}
