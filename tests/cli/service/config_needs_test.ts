import { assertEquals } from "@std/assert";
import { parseConfig } from "../../../lib/cli/config/parse_config.ts";
import { configNeeds, NO_NEEDS } from "../../../lib/cli/service/config_needs.ts";

const needsOf = (text: string) => configNeeds(parseConfig(text, "/etc/natpmp.json"));

Deno.test("configNeeds() finds the shortest lifetime, of the whole or of a mapping, in any unit", () => {
  assertEquals(needsOf('{"lifetime":"2h"}').shortestLifetimeSeconds, 7200);
  assertEquals(needsOf('{"lifetime":60}').shortestLifetimeSeconds, 60);
  const mappings = '"mappings":["80",{"internal":81,"lifetime":"30m"},{"internal":82,"lifetime":"40m"}]';
  assertEquals(needsOf(`{"lifetime":"2h",${mappings}}`).shortestLifetimeSeconds, 1800);
});

Deno.test("configNeeds() finds port files, each once, relative ones beside the configuration, and commands", () => {
  const mappings = '"mappings":[{"internal":1,"portFile":"/run/a"},{"internal":2,"portFile":"b"},' +
    '{"internal":3,"exec":"true"}]';
  assertEquals(needsOf(`{"portFile":"/run/a",${mappings}}`), {
    portFiles: ["/run/a", "/etc/b"],
    hasCommands: true,
  });
  assertEquals(needsOf('{"exec":"true"}').hasCommands, true);
});

Deno.test("configNeeds() of a file that asks for nothing of the kind is nothing", () => {
  assertEquals(needsOf('{"mappings":["80"]}'), NO_NEEDS);
});
