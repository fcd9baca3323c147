/** The interface of a server in the terms of OpenAPI 3.1. */
import { VERSION } from "../../base/version.ts";
import type { TaskName } from "../../data/targets.ts";
import { cellCount, cellNames, type ModalityPreprocessing } from "../../data/preprocessing.ts";

export interface Described {
  readonly name: string;
  readonly modalities: readonly ModalityPreprocessing[];
  readonly heads: readonly string[];
  readonly task: TaskName;
  readonly classes: readonly string[];
  readonly limits: { readonly maxSamples: number; readonly maxText: number; readonly mayLack: boolean };
  readonly hasToken: boolean;
  /** The heads whose probabilities are calibrated. */
  readonly calibrated: readonly string[];
}

const TOLD: Readonly<Record<TaskName, { readonly summary: string; readonly top: string }>> = {
  classification: {
    summary: "The probabilities of every class by every head.",
    top: "So many of the likeliest classes of each head.",
  },
  multi_label: {
    summary:
      "The labels of a sample, the likeliest first, and the probabilities of all labels, by every head.",
    top: "Of no use here: a head gives the labels that are likely enough.",
  },
  regression: { summary: "The number of a sample, by every head.", top: "Of no use here." },
};

export function openApi(
  { name, modalities, heads, task, classes, limits, hasToken, calibrated }: Described,
): object {
  const properties = Object.fromEntries(
    modalities.map((modality) => [modality.name, schemaOf(modality, limits.maxText)]),
  );
  const sample = {
    type: "object",
    properties,
    ...(limits.mayLack ? { minProperties: 1 } : { required: modalities.map((modality) => modality.name) }),
    additionalProperties: false,
  };
  const top = {
    type: "integer",
    minimum: 1,
    default: 1,
    description: TOLD[task].top,
  };
  const byHead = (schema: object) => ({
    type: "object",
    properties: Object.fromEntries(heads.map((head) => [head, schema])),
  });
  const likely = {
    type: "array",
    items: { type: "object", properties: { class: { enum: classes }, probability: { type: "number" } } },
  };
  const number = { type: limits.mayLack ? ["number", "null"] : "number" };
  const answer = {
    type: "object",
    properties: task === "regression" ? { predictions: byHead(number) } : {
      predictions: byHead(likely),
      probabilities: byHead({
        type: "object",
        properties: Object.fromEntries(classes.map((one) => [one, { type: "number" }])),
      }),
    },
  };
  const error = (description: string) => ({
    description,
    content: {
      "application/json": {
        schema: { type: "object", properties: { error: { type: "string" }, field: { type: "string" } } },
      },
    },
  });
  return {
    openapi: "3.1.0",
    info: { title: `unis serve: ${name}`, version: VERSION },
    ...(hasToken && {
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    }),
    paths: {
      "/predict": {
        post: {
          summary: TOLD[task].summary,
          ...(calibrated.length > 0 && {
            description: `Calibrated on validation samples are those of ${calibrated.join(", ")}.`,
          }),
          ...(hasToken && { security: [{ token: [] }] }),
          requestBody: {
            required: true,
            content: {
              "application/json": {
                schema: {
                  oneOf: [
                    { ...sample, properties: { ...properties, top } },
                    {
                      type: "object",
                      properties: {
                        samples: { type: "array", items: sample, maxItems: limits.maxSamples },
                        top,
                      },
                      required: ["samples"],
                    },
                  ],
                },
              },
              "multipart/form-data": { schema: { ...sample, properties: { ...properties, top } } },
            },
          },
          responses: {
            "200": {
              description: "An answer for each sample, in order.",
              content: {
                "application/json": {
                  schema: { type: "object", properties: { answers: { type: "array", items: answer } } },
                },
              },
            },
            "400": error("The body cannot be read."),
            ...(hasToken && { "401": error("The token is missing or wrong.") }),
            "408": error("The body took too long to come."),
            "413": error("The body, an image, a text or the number of samples is over its limit."),
            "415": error("The content type is neither JSON nor a multipart form."),
            "422": error("A field is missing or wrong; `field` names it."),
            "429": error("Too many samples are waiting; try again after the seconds of Retry-After."),
            "503": error("The server is stopping, or its device was lost or has no memory left."),
          },
        },
      },
      "/healthz": {
        get: { summary: "Whether the server answers.", responses: { "200": { description: "It does." } } },
      },
      "/metrics": {
        get: { summary: "Measurements for Prometheus.", responses: { "200": { description: "As text." } } },
      },
      "/openapi.json": {
        get: { summary: "This description.", responses: { "200": { description: "OpenAPI 3.1." } } },
      },
    },
  };
}

function schemaOf(modality: ModalityPreprocessing, maxText: number): object {
  switch (modality.kind) {
    case "image":
      return {
        type: "string",
        contentEncoding: "base64",
        description: "An image file (PNG, JPEG, WebP, GIF, AVIF, BMP, TIFF).",
      };
    case "text":
      return { type: "string", maxLength: maxText };
    case "features":
      return {
        type: "array",
        items: { type: modality.cells === undefined ? "number" : ["number", "string", "null"] },
        minItems: cellCount(modality),
        maxItems: cellCount(modality),
        description: cellNames(modality).join(", ").slice(0, 1000),
      };
  }
}
