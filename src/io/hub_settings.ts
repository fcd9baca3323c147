/** How a Hugging Face hub is reached: its address, the token that opens it, and whether it may be asked at all. */
import { join } from "node:path";
import { UserError } from "../base/user_error.ts";
import { type Environment, hubHome } from "./hub_cache.ts";
import { exists } from "./files.ts";
import { readUtf8 } from "./text_file.ts";

const DEFAULT_ENDPOINT = "https://huggingface.co";

/** The address of the hub, `HF_ENDPOINT` if it is set. Throws a UserError where that is none. */
export function hubEndpoint({ HF_ENDPOINT }: Environment): string {
  const endpoint = (HF_ENDPOINT || DEFAULT_ENDPOINT).replace(/\/+$/, "");
  const url = webAddress(endpoint);
  if (url === undefined || url.search !== "") {
    throw new UserError("HF_ENDPOINT is not the address of a hub: it must look like https://huggingface.co");
  }
  return endpoint;
}

/** The token in `HF_TOKEN`, if any. Throws a UserError where it cannot be one. */
export function hubToken({ HF_TOKEN }: Environment): string | undefined {
  return checked(HF_TOKEN, "HF_TOKEN");
}

/**
 * An address of the web, as it stands or from another one; undefined for anything else. One with a name or a password before the
 * host is none: `fetch` would send these, so that a hub could have any host asked in a name of its choosing.
 */
export function webAddress(text: string, from?: URL): URL | undefined {
  const url = URL.parse(text, from);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username + url.password !== "") return undefined;
  return from?.protocol === "https:" && url.protocol === "http:" ? undefined : url; // nor what can be read on the way
}

/**
 * The token in `HF_TOKEN`, else the one that `hf auth login` left on this machine. That one opens huggingface.co, and is
 * given to no other `HF_ENDPOINT`.
 */
export function keptToken(env: Environment): string | undefined {
  const given = hubToken(env);
  if (given !== undefined || hubEndpoint(env) !== DEFAULT_ENDPOINT) return given;
  const file = join(hubHome(env), "token");
  return exists(file) ? checked(readUtf8(file), file) : undefined;
}

function checked(text: string | undefined, where: string): string | undefined {
  const token = text?.trim() || undefined;
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token;
  throw new UserError(`${where} holds blanks or characters that no token has: copy it again`);
}

/** Whether variables say that there is no network. */
export function isOffline({ HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE }: Environment): boolean {
  return /^(1|true|yes|on)$/i.test(HF_HUB_OFFLINE || TRANSFORMERS_OFFLINE || "");
}
