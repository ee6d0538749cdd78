import { assertEquals } from "@std/assert";
import { configFacts } from "../../../lib/cli/service/config_facts.ts";

const NOTHING = { portFiles: [], hasCommands: false };

Deno.test("configFacts() finds the shortest lifetime, of the whole or of a mapping, in any unit", () => {
  assertEquals(configFacts('{"lifetime":"2h"}').shortestLifetimeSeconds, 7200);
  assertEquals(configFacts('{"lifetime":60}').shortestLifetimeSeconds, 60);
  const mappings = '"mappings":["80",{"lifetime":"30m"},{"lifetime":"40m"}]';
  assertEquals(configFacts(`{"lifetime":"2h",${mappings}}`).shortestLifetimeSeconds, 1800);
});

Deno.test("configFacts() finds port files by their absolute paths, and commands", () => {
  const mappings = '"mappings":[{"portFile":"/run/b"},{"portFile":"relative"},{"exec":"true"}]';
  assertEquals(configFacts(`{"portFile":"/run/a",${mappings}}`), {
    portFiles: ["/run/a", "/run/b"],
    hasCommands: true,
  });
  assertEquals(configFacts('{"exec":"true"}').hasCommands, true);
});

for (
  const text of ["", "{", "null", "7", "[]", '"text"', "{}", '{"mappings":{}}', '{"mappings":[null,1,[]]}']
) {
  Deno.test(`configFacts() finds nothing in ${text || "an empty text"}, and passes over it`, () => {
    assertEquals(configFacts(text), NOTHING);
  });
}

for (const value of ["null", "{}", '"soon"', "-1", "0", "1.5"]) {
  Deno.test(`configFacts() passes over the lifetime ${value}, which is none`, () => {
    assertEquals(configFacts(`{"lifetime":${value}}`), NOTHING);
  });
}
