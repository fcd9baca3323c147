/** Takes values apart that are made of objects, to compare them key by key. */

/** What stands at each dotted key, as JSON; lists, and objects without keys, are not taken apart. */
export function leavesOf(value: unknown, path = ""): [key: string, json: string][] {
  const isGroup = typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.keys(value).length > 0;
  if (!isGroup) return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) =>
    leavesOf(inner, path === "" ? key : `${path}.${key}`)
  );
}
