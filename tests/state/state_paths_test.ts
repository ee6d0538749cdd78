import { assertEquals } from "@std/assert";
import { holderName, pathIn, placeOf } from "../../lib/state/state_paths.ts";

Deno.test("holderName() names the program, its command and its process", () => {
  assertEquals(holderName("watch", { processId: 4711 }), "natpmp watch, process 4711");
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

Deno.test("placeOf() is the host, and its network namespace where that is known", () => {
  const networkNamespace = { inode: 7, boot: "first" };
  assertEquals(placeOf({ host: "box", networkNamespace }), { host: "box", namespace: networkNamespace });
  assertEquals(placeOf({ host: "box", networkNamespace: undefined }), { host: "box" });
  assertEquals(placeOf({ host: "box" }), { host: "box" });
});
