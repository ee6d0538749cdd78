import { assertEquals, assertThrows } from "@std/assert";
import { parseCommand } from "./command.ts";
import { targetOf } from "./target.ts";

Deno.test("parseCommand() takes a binary's path, words, and an array of words", () => {
  assertEquals(parseCommand(""), []);
  assertEquals(parseCommand("/src/dist/natpmp"), ["/src/dist/natpmp"]);
  assertEquals(parseCommand("qemu-aarch64-static  /src/dist/natpmp "), [
    "qemu-aarch64-static",
    "/src/dist/natpmp",
  ]);
  assertEquals(parseCommand('["/my programs/natpmp"]'), ["/my programs/natpmp"]);
  for (const text of ["[", "[]", "[1]", '["a", ["b"]]']) assertThrows(() => parseCommand(text), SyntaxError);
});

Deno.test("targetOf() tells Windows by the name of the program", () => {
  assertEquals(targetOf(["/src/wine_run.sh", "/box", "/src/dist/natpmp.exe"]).os, "Windows");
  assertEquals(targetOf(["qemu-aarch64-static", "/src/dist/natpmp"]).os, "Linux");
  assertEquals(targetOf(["deno", "run", "-A", "file:///src/main.ts"]).os, "Linux");
});
