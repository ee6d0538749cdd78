import { assertEquals } from "@std/assert";
import { nearest } from "../../lib/cli/nearest.ts";

const COMMANDS = ["address", "map", "unmap", "simulate", "help"];

for (
  const [word, guess] of [
    ["maps", "map"],
    ["unmpa", "unmap"],
    ["adress", "address"],
    ["simulte", "simulate"],
    ["hlep", undefined],
    ["map", "map"],
    ["MAP", "map"],
    ["Adress", "address"],
    ["sim", "simulate"],
    ["si", undefined],
    ["--sim", undefined],
    ["frobnicate", undefined],
    ["x", undefined],
    ["", undefined],
  ] as const
) {
  Deno.test(`nearest() guesses ${guess ?? "nothing"} for "${word}"`, () => {
    assertEquals(nearest(word, COMMANDS), guess);
  });
}

Deno.test("nearest() takes the nearest, not the first that is near", () => {
  assertEquals(nearest("--timeot", ["--timers", "--timeout"]), "--timeout");
});

Deno.test("nearest() takes a word by its beginning only where no other begins so", () => {
  const known = ["--port-file", "--probe", "--no-state", "--no-color"];
  const guesses = ["--port", "--PROB", "--no-", "--p", "---"].map((word) => nearest(word, known));
  assertEquals(guesses, ["--port-file", "--probe", undefined, undefined, undefined]);
});

Deno.test("nearest() guesses nothing when nothing is known", () => {
  assertEquals(nearest("map", []), undefined);
});
