/** Thrown where a request cannot be answered; `status` is that of the response. */
export class BadRequest extends Error {
  override name = "BadRequest";

  constructor(readonly status: 400 | 408 | 413 | 415 | 422, message: string, readonly field?: string) {
    super(message);
  }
}
