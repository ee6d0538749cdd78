import { assertEquals } from "@std/assert";
import { concat, modeOf, sorted } from "../../../scripts/build/archive_entry.ts";

const entry = (path: string, isExecutable = false) => ({ path, bytes: new Uint8Array(), isExecutable });

Deno.test("sorted() orders files by their paths, byte by byte, wherever it runs", () => {
  const paths = ["b/a", "a", "Z", "b", "_x"];
  assertEquals(sorted(paths.map((path) => entry(path))).map(({ path }) => path), [
    "Z",
    "_x",
    "a",
    "b",
    "b/a",
  ]);
});

Deno.test("modeOf() lets everybody read and run a program, and only its owner write", () => {
  assertEquals([modeOf(entry("a")), modeOf(entry("a", true))], [0o644, 0o755]);
});

Deno.test("concat() puts bytes behind each other", () => {
  assertEquals(concat([Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3)]), Uint8Array.of(1, 2, 3));
});
