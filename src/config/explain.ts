/** Says what is wrong with a configuration, in words that help. */
import * as z from "zod";
import { nearest } from "../base/nearest.ts";

/** One sentence about the first thing in `value` that `schema` finds wrong. */
export function explain(schema: z.core.$ZodType, issue: z.core.$ZodIssue, value: unknown): string {
  const path = issue.path.map(String);
  const name = path.join(".");
  if (issue.code === "unrecognized_keys") {
    const wrong = issue.keys[0]!;
    const near = nearest(wrong, keysAt(schema, value, path));
    const full = [...path, wrong].join(".");
    const meant = near === undefined ? elsewhere(wrong, full, value) : [...path, near].join(".");
    const hint = meant === undefined ? "" : `did you mean "${meant}"? `;
    return `unknown key "${full}": ${hint}${allowedAt(schema, value, path)}`;
  }
  const got = valueAt(value, path);
  if (path.length === 0) return `must be ${expectation(issue)}, got ${show(got)}`;
  if (got === undefined) return `key "${name}" is missing`;
  const options = issue.code === "invalid_value"
    ? issue.values.map(String)
    : issue.code === "invalid_union" && "options" in issue
    ? (issue.options as unknown[]).map(String)
    : undefined;
  if (options !== undefined) {
    const meant = typeof got === "string" ? nearest(got, options) : undefined;
    const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
    const expected = options.length === 1 ? `"${options[0]}"` : `one of ${options.join(", ")}`;
    return `"${name}" must be ${expected}, got ${show(got)}${hint}`;
  }
  return `"${name}" must be ${expectation(issue)}, got ${show(got)}`;
}

/** The only key of that name, at whatever depth it stands. */
function elsewhere(name: string, wrong: string, value: unknown): string | undefined {
  const found = keysWithin(value).filter((key) => key.split(".").at(-1) === name && key !== wrong);
  return found.length === 1 ? found[0] : undefined;
}

function keysWithin(value: unknown, prefix = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap((
    [key, inner],
  ) => [prefix + key, ...keysWithin(inner, `${prefix}${key}.`)]);
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") {
    const names: Record<string, string> = {
      int: "a whole number",
      number: "a number",
      string: "text",
      boolean: "true or false",
      object: "a group of keys",
      record: "a group of keys",
      array: "a list",
      tuple: "a list of numbers",
    };
    return names[issue.expected] ?? issue.expected;
  }
  if (issue.code === "too_small" && issue.origin === "array") return `a list of at least ${issue.minimum}`;
  if (issue.code === "too_small" && issue.origin === "string") return "text that is not empty";
  if (issue.code === "too_small") return `${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
  if (issue.code === "too_big") return `${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`;
  return issue.message;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

/** The keys there are at a path, as a hint. */
export function allowedAt(schema: z.core.$ZodType, value: unknown, path: readonly string[]): string {
  return `allowed: ${keysAt(schema, value, path).join(", ")}`;
}

/** The keys the schema knows at a path; `value` decides between the kinds of encoder or data. */
function keysAt(whole: z.core.$ZodType, value: unknown, path: readonly string[]): string[] {
  let schema = whole;
  for (const [depth, key] of path.entries()) {
    if (schema instanceof z.ZodRecord) schema = schema.valueType;
    else if (schema instanceof z.ZodObject) schema = schema.shape[key];
    else if (schema instanceof z.ZodArray) schema = schema.element;
    while (
      schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ) {
      schema = schema.unwrap();
    }
    if (schema instanceof z.ZodDiscriminatedUnion) {
      const { discriminator } = schema.def;
      const kind = valueAt(value, [...path.slice(0, depth + 1), discriminator]);
      schema = schema.options.find((option) =>
        option instanceof z.ZodObject && option.shape[discriminator].safeParse(kind).success
      )!;
    }
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
