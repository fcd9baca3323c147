/** Base64 that people send. */

/** The bytes of a text in base64, with or without padding and line breaks; undefined where it is none. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const plain = text.replaceAll(/[\r\n]/g, "").replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/_-]*$/.test(plain) || plain.length % 4 === 1) return undefined;
  return Uint8Array.fromBase64(plain.replaceAll("-", "+").replaceAll("_", "/"));
}
