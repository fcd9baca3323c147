/** Writes the modules that exported scripts use: what logits say, and features of cells. */
import { join } from "node:path";
import { writeTextFile } from "../io/new_file.ts";
import answersPy from "./answers.py" with { type: "text" };
import cellsPy from "./cells.py" with { type: "text" };

/** Writes that of cells where there are features among the inputs; gives the paths written. */
export function writeModules(to: string, inputs: readonly { readonly kind: string }[]): string[] {
  const hasFeatures = inputs.some(({ kind }) => kind === "features");
  const modules = { "answers.py": answersPy, ...(hasFeatures && { "cells.py": cellsPy }) };
  return Object.entries(modules).map(([name, text]) => {
    const path = join(to, name);
    writeTextFile(path, text);
    return path;
  });
}
