import { fileURLToPath } from "node:url";

/** The path of a file of the project. */
export function fromRoot(file: string): string {
  return fileURLToPath(new URL(`../../../${file}`, import.meta.url));
}
