/** Python for the scripts that compare with PyTorch. */

/** Runs a program to its end, its output going to ours. Throws an Error where it fails. */
export async function runProgram(program: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args, stdout: "inherit", stderr: "inherit" })
    .output();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
}

/** Modules, and what to install where they are not found. */
const NEEDED = {
  torch: "torch",
  transformers: "transformers==4.30.2",
  safetensors: "safetensors",
  PIL: "pillow",
  sentencepiece: "sentencepiece",
  "google.protobuf": "protobuf==3.20.3",
};

async function has(python: string, module: string): Promise<boolean> {
  const args = ["-c", `import ${module}`];
  const { success } = await new Deno.Command(python, { args, stdout: "null", stderr: "null" }).output();
  return success;
}

/**
 * A virtual environment in `folder` with PyTorch, `transformers` and their like, those of the Python that the
 * variable PYTHON names (`python3` if not set) where it has them; and with these packages from PyPI, without what they
 * depend on. Gives its Python.
 */
export async function pythonWith(folder: string, ...packages: string[]): Promise<string> {
  const base = Deno.env.get("PYTHON") ?? "python3";
  await runProgram(base, "-m", "venv", "--system-site-packages", folder);
  const python = `${folder}/bin/python`;
  // A virtual environment made from another sees the packages of the system, not of that other one.
  const found = await new Deno.Command(base, { args: ["-c", "import sys; print(*sys.path, sep='\\n')"] })
    .output();
  const paths = new TextDecoder().decode(found.stdout).split("\n").filter((path) =>
    path.endsWith("-packages")
  );
  for await (const { name } of Deno.readDir(`${folder}/lib`)) {
    await Deno.writeTextFile(`${folder}/lib/${name}/site-packages/base.pth`, paths.join("\n") + "\n");
  }
  const missing = (await Promise.all(
    Object.entries(NEEDED).map(async ([module, name]) => await has(python, module) ? [] : [name]),
  )).flat();
  const install = (...what: string[]) => runProgram(python, "-m", "pip", "install", "--quiet", ...what);
  if (missing.length > 0) await install(...missing);
  if (packages.length > 0) await install("--no-deps", ...packages);
  return python;
}

/** A virtual environment in `folder` with these packages from PyPI and nothing else; gives its Python. */
export async function freshPython(folder: string, ...packages: string[]): Promise<string> {
  await runProgram(Deno.env.get("PYTHON") ?? "python3", "-m", "venv", folder);
  const python = `${folder}/bin/python`;
  await runProgram(python, "-m", "pip", "install", "--quiet", ...packages);
  return python;
}
