import { assert, assertEquals } from "@std/assert";
import { systemNetwork } from "../../lib/system/network.ts";

Deno.test("systemNetwork: interfaceNames() and addresses() have this host's, each once", async () => {
  const own = Deno.networkInterfaces();
  const interfaces = await systemNetwork.interfaceNames();
  for (const { name } of own) assert(interfaces.includes(name), name);
  const addresses = own.filter(({ family }) => family === "IPv4").map(({ address }) => address);
  assertEquals(systemNetwork.addresses(), [...new Set(addresses)]);
});
