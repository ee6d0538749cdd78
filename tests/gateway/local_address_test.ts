import { assertEquals, assertRejects } from "@std/assert";
import { NoGatewayError, UnknownInterfaceError } from "../../lib/errors.ts";
import { localAddressOf } from "../../lib/gateway/local_address.ts";
import { fake } from "./_fake_system.ts";
import { address, ETH0, LO } from "./_tables.ts";

Deno.test("localAddressOf() takes the wished interface's address next to the gateway, and reads no route", async () => {
  const second = address("eth0", "10.9.9.9/8");
  const system = fake("linux", { interfaces: [LO, second, ETH0] });
  assertEquals(await localAddressOf("192.168.1.254", { interfaceName: "eth0", system }), {
    localAddress: "192.168.1.20",
    interfaceName: "eth0",
  });
  assertEquals(await localAddressOf("203.0.113.1", { source: "10.9.9.9", system }), {
    localAddress: "10.9.9.9",
    interfaceName: "eth0",
  });
  assertEquals(system.asked, []);
});

Deno.test("localAddressOf() throws for an interface or a source that is not this host's", async () => {
  const system = fake("linux", {});
  for (const wish of [{ interfaceName: "eth9" }, { source: "203.0.113.9" }]) {
    await assertRejects(() => localAddressOf("192.168.1.1", { ...wish, system }), UnknownInterfaceError);
  }
});

Deno.test("localAddressOf() without a wish asks the kernel only for a gateway that is no neighbour", async () => {
  const system = fake("linux", { kernelAddress: "10.2.0.2" });
  assertEquals((await localAddressOf("192.168.1.1", { system }))?.localAddress, "192.168.1.20");
  assertEquals(system.asked, []);
  assertEquals(await localAddressOf("10.2.0.1", { system }), {
    localAddress: "10.2.0.2",
    interfaceName: "wg0",
  });
  assertEquals(system.asked, ["kernel 10.2.0.1"]);
  assertEquals(await localAddressOf("203.0.113.1", { system: fake("linux", {}) }), undefined);
});

Deno.test("localAddressOf() without a wish is undefined where interfaces may not be listed", async () => {
  const system = {
    ...fake("linux", {}),
    networkInterfaces(): never {
      throw new NoGatewayError("Cannot list the network interfaces");
    },
  };
  assertEquals(await localAddressOf("192.168.1.1", { system }), undefined);
  await assertRejects(
    () => localAddressOf("192.168.1.1", { system, source: "192.168.1.20" }),
    NoGatewayError,
  );
});
