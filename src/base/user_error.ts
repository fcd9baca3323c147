/** A mistake of the user's: the message names the key, file or row and says what to do; the command exits 2. */
export class UserError extends Error {
  override name = "UserError";
}
