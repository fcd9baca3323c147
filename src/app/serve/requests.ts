/** Reads samples out of requests: JSON with images as base64, or a multipart form with files. */
import { decodeBase64 } from "../../base/base64.ts";
import { nearest } from "../../base/nearest.ts";
import { isJsonObject, parseStrictJson, shortened, shortQuote, whyNotJson } from "../../io/strict_json.ts";
import {
  cellCount,
  cellReading,
  type FeaturePreprocessing,
  type ModalityPreprocessing,
} from "../../data/preprocessing.ts";
import { BadRequest } from "./bad_request.ts";
import { type BodyLimits, readBody } from "./body.ts";

export interface RequestLimits extends BodyLimits {
  /** Samples of one request. */
  readonly maxSamples: number;
  /** Characters of a text. */
  readonly maxText: number;
  /** True where a sample may lack modalities. */
  readonly mayLack: boolean;
}

/** A sample by modality: the bytes of an image, a text, or numbers. */
export type RequestSample = Readonly<
  Record<string, Uint8Array | string | readonly (number | string | null)[]>
>;

export interface PredictRequest {
  readonly samples: readonly RequestSample[];
  /** So many of the likeliest classes of each head. */
  readonly top: number;
}

/** Of a body. */
const JSON_LIMITS = { depth: 8, keys: 1000 };

/** Throws a BadRequest that names the field. */
export async function readRequest(
  request: Request,
  modalities: readonly ModalityPreprocessing[],
  limits: RequestLimits,
): Promise<PredictRequest> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (type === "application/json") return fromJson(await readBody(request, limits), modalities, limits);
  if (type === "multipart/form-data") {
    const { headers } = request;
    return await fromForm(new Response(await readBody(request, limits), { headers }), modalities, limits);
  }
  throw new BadRequest(415, `Send application/json or multipart/form-data, got ${type || "no content type"}`);
}

/** `{"image": …, "text": …, "top": 3}`, or `{"samples": [{…}, …], "top": 3}`. */
function fromJson(
  bytes: Uint8Array,
  modalities: readonly ModalityPreprocessing[],
  limits: RequestLimits,
): PredictRequest {
  let body: unknown;
  try {
    body = parseStrictJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), JSON_LIMITS);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw new BadRequest(400, "The body is not valid UTF-8");
    throw new BadRequest(400, `The body ${whyNotJson(error)}`);
  }
  if (!isJsonObject(body)) throw new BadRequest(422, "The body must be a JSON object");
  const { top, samples, ...rest } = body;
  const count = topOf(top);
  if (samples === undefined) return { samples: [sampleOf(rest, "", modalities, limits)], top: count };
  const more = Object.keys(rest)[0];
  if (more !== undefined) {
    throw new BadRequest(422, `${shortQuote(more)} cannot stand beside "samples"`, shortened(more));
  }
  if (!Array.isArray(samples) || samples.length === 0) {
    throw new BadRequest(422, '"samples" must be a list of at least one sample', "samples");
  }
  if (samples.length > limits.maxSamples) {
    throw new BadRequest(
      413,
      `"samples" has ${samples.length}, over the limit of ${limits.maxSamples}`,
      "samples",
    );
  }
  return {
    samples: samples.map((sample, i) => {
      if (!isJsonObject(sample)) {
        throw new BadRequest(422, `"samples[${i}]" must be an object`, `samples[${i}]`);
      }
      return sampleOf(sample, `samples[${i}].`, modalities, limits);
    }),
    top: count,
  };
}

/** One sample: a file or text for each modality. */
async function fromForm(
  body: Response,
  modalities: readonly ModalityPreprocessing[],
  limits: RequestLimits,
): Promise<PredictRequest> {
  let form: FormData;
  try {
    form = await body.formData();
  } catch (error) {
    throw new BadRequest(400, `The body is no multipart form: ${(error as Error).message}`);
  }
  const fields: Record<string, unknown> = Object.create(null); // a field may be called like a property of objects
  for (const [name, value] of form) {
    if (name in fields) {
      const message = `${shortQuote(name)} is given twice: a form holds one sample`;
      throw new BadRequest(422, message, shortened(name));
    }
    const modality = modalities.find((modality) => modality.name === name);
    const kind = modality?.kind;
    // A field that is left empty is one that the sample lacks.
    if (limits.mayLack && typeof value === "string" && value.trim() === "") continue;
    if (typeof value !== "string") {
      const bytes = new Uint8Array(await value.arrayBuffer());
      fields[name] = kind === "text" ? new TextDecoder().decode(bytes) : bytes;
    } else if (kind === "features") {
      const { allowsMissing, categories } = cellReading(modality as FeaturePreprocessing);
      fields[name] = value.split(",").map((one, place) => {
        if (one.trim() === "") return allowsMissing ? null : NaN;
        return categories.has(place) ? one : Number(one);
      });
    } else fields[name] = value;
  }
  const { top, ...rest } = fields;
  return {
    samples: [sampleOf(rest, "", modalities, limits)],
    top: topOf(typeof top === "string" ? Number(top) : top),
  };
}

function sampleOf(
  given: Readonly<Record<string, unknown>>,
  prefix: string,
  modalities: readonly ModalityPreprocessing[],
  limits: RequestLimits,
): RequestSample {
  const names = modalities.map(({ name }) => name);
  for (const key of Object.keys(given)) {
    if (names.includes(key)) continue;
    const meant = nearest(key, names);
    const hint = meant === undefined ? "" : `; did you mean "${prefix}${meant}"?`;
    throw new BadRequest(
      422,
      `unknown field ${shortQuote(prefix + key)}: the model reads ${names.join(", ")}${hint}`,
      shortened(prefix + key),
    );
  }
  // A modality may be called like a property of all objects.
  const own = new Map(Object.entries(given));
  const has = (value: unknown) =>
    value !== undefined && value !== null && !(value instanceof Uint8Array && value.length === 0);
  return Object.fromEntries(
    modalities.filter(({ name }) => !limits.mayLack || has(own.get(name))).map((
      modality,
    ) => [modality.name, inputOf(own.get(modality.name), prefix + modality.name, modality, limits)]),
  );
}

function inputOf(
  value: unknown,
  field: string,
  modality: ModalityPreprocessing,
  { maxText }: RequestLimits,
): RequestSample[string] {
  const fail = (what: string, status: 413 | 422 = 422) => new BadRequest(status, `"${field}" ${what}`, field);
  if (value === undefined || value === null) throw fail("is missing");
  if (modality.kind === "text") {
    if (typeof value !== "string") throw fail("must be a text");
    if (value.length > maxText) {
      throw fail(`has ${value.length} characters, over the limit of ${maxText}`, 413);
    }
    return value;
  }
  if (modality.kind === "features") {
    const width = cellCount(modality);
    const { allowsMissing, categories } = cellReading(modality);
    if (!Array.isArray(value) || value.length !== width) {
      throw fail(`must be a list of ${width} numbers${Array.isArray(value) ? `, got ${value.length}` : ""}`);
    }
    const wrong = value.findIndex((one, place) => {
      if (one === null) return !allowsMissing;
      return categories.has(place)
        ? typeof one !== "string" && typeof one !== "number"
        : typeof one !== "number" || !Number.isFinite(Math.fround(one));
    });
    if (wrong >= 0) {
      throw fail(`must be numbers; number ${wrong + 1} is ${shortened(JSON.stringify(value[wrong]))}`);
    }
    return value as (number | string | null)[];
  }
  if (value instanceof Uint8Array) {
    if (value.length === 0) throw fail("is an empty file");
    return value;
  }
  if (typeof value !== "string") throw fail("must be the base64 of an image file");
  const bytes = decodeBase64(value.replace(/^data:[^,]*;base64,/, ""));
  if (bytes === undefined || bytes.length === 0) throw fail("is not valid base64 of an image file");
  return bytes;
}

function topOf(value: unknown): number {
  if (value === undefined) return 1;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return value;
  throw new BadRequest(422, '"top" must be a whole number, at least 1', "top");
}
