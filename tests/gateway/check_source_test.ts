import { assertEquals, assertRejects } from "@std/assert";
import { NoGatewayError, UnknownInterfaceError } from "../../lib/errors.ts";
import { checkSource } from "../../lib/gateway/check_source.ts";
import { fake, HOST } from "./_fake_system.ts";

Deno.test("checkSource() finds the interface of a selector without asking for more than its addresses", async () => {
  const system = fake("linux", {});
  const { interfaceName, addresses } = await checkSource({ interfaceName: "eth0" }, system, HOST);
  assertEquals([interfaceName, addresses.length > 0, system.asked], ["eth0", true, []]);
});

Deno.test("checkSource() distinguishes an interface without an address from one that is not there, on Linux by its list", async () => {
  const files = { "/proc/net/dev": "Inter-| Receive\n face |bytes\n  ifb0: 1\n" };
  const system = fake("linux", { files });
  await assertRejects(() => checkSource({ interfaceName: "ifb0" }, system, HOST), NoGatewayError);
  await assertRejects(() => checkSource({ interfaceName: "eth9" }, system, HOST), UnknownInterfaceError);
});
