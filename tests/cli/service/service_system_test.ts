import { assertEquals } from "@std/assert";
import { renewCommand, watchCommand } from "../../../lib/cli/service/service_system.ts";

const REQUEST = { program: ["/opt/deno", "run", "-A", "/src/main.ts"], config: "/etc/natpmp.json" };

Deno.test("watchCommand() is this program's words, watch and the configuration", () => {
  assertEquals(watchCommand(REQUEST), [...REQUEST.program, "watch", "--config", "/etc/natpmp.json"]);
});

Deno.test("renewCommand() renews what is due and prints only news", () => {
  const command = ["map", "--config", "/etc/natpmp.json", "--if-due", "--quiet"];
  assertEquals(renewCommand(REQUEST), [...REQUEST.program, ...command]);
});
