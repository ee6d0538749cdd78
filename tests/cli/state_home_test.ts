import { assertEquals } from "@std/assert";
import { holderName, pathIn } from "../../lib/cli/state_home.ts";

Deno.test("holderName() tells who has a lock: the program, its command and its process", () => {
  assertEquals(holderName({ command: "watch" }, { processId: 4711 }), "natpmp watch, process 4711");
});

Deno.test("pathIn() goes by the directory, in which a backslash may be a letter", () => {
  for (
    const [directory, path] of [
      ["/home/me/.local/state/natpmp", "/home/me/.local/state/natpmp/leases.json"],
      ["/home/my\\self/natpmp", "/home/my\\self/natpmp/leases.json"],
      ["C:\\Users\\me\\AppData\\Local\\natpmp", "C:\\Users\\me\\AppData\\Local\\natpmp\\leases.json"],
    ] as const
  ) assertEquals(pathIn(directory, "leases.json"), path);
});
