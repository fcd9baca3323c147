/** Reads the bodies of requests, which anybody may send: within a limit, and in time. */
import { joinedBytes } from "../../base/joined_bytes.ts";
import { BadRequest } from "./bad_request.ts";

export interface BodyLimits {
  /** Bytes. */
  readonly maxBody: number;
  /** Milliseconds in which all of it must have come: a body that trickles would hold its connection for ever. */
  readonly maxWait: number;
}

/** All of a body. Throws a BadRequest for one that is over the limit, comes too slowly, or ends before its end. */
export async function readBody(
  { body, headers }: Request,
  { maxBody, maxWait }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new BadRequest(413, `the body is over the limit of ${maxBody} bytes`);
  if (Number(headers.get("content-length")) > maxBody) throw tooLarge();
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0, timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new BadRequest(408, `the body did not come in ${maxWait / 1000} s`)),
      maxWait,
    );
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) break;
      if ((size += value.length) > maxBody) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {}); // nobody waits for what is not wanted
    throw error instanceof BadRequest ? error : new BadRequest(400, "the body ends before its end");
  } finally {
    clearTimeout(timer);
  }
  return joinedBytes(parts);
}
