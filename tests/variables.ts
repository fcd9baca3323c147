/**
 * Environment variables of one test file alone. Files run beside each other in one process and share its environment;
 * `Deno.env.get`, by which `src` asks for variables, each has for itself.
 */
const { get } = Deno.env;
const own = new Map<string, string | undefined>();
Deno.env.get = (name) => own.has(name) ? own.get(name) : get.call(Deno.env, name);

/** Sets variables, or hides them where the value is undefined, until the result is disposed of. */
export function withVariables(values: Readonly<Record<string, string | undefined>>): Disposable {
  for (const [name, value] of Object.entries(values)) own.set(name, value);
  return { [Symbol.dispose]: () => Object.keys(values).forEach((name) => own.delete(name)) };
}
