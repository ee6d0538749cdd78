import { assertEquals, assertRejects } from "@std/assert";
import { NoGatewayError, UnknownInterfaceError } from "../../lib/errors.ts";
import { localAddressOf } from "../../lib/gateway/local_address.ts";
import { fake, linux } from "./_fake_system.ts";
import { address, ETH0, LO } from "./_tables.ts";

Deno.test("localAddressOf() takes the selected interface's address next to the gateway", async () => {
  const second = address("eth0", "10.9.9.9/8");
  const system = fake("linux", { interfaces: [LO, second, ETH0] });
  assertEquals(await localAddressOf("192.168.1.254", { interfaceName: "eth0", system }), {
    localAddress: "192.168.1.20",
    interfaceName: "eth0",
  });
  assertEquals(system.asked.shift(), "route 192.168.1.254 from 192.168.1.20");
});

Deno.test("localAddressOf() asks for no route when only a source was selected", async () => {
  const dummy = address("dummy0", "10.9.9.9/32");
  const system = fake("linux", { interfaces: [LO, dummy, ETH0] });
  assertEquals(await localAddressOf("203.0.113.1", { source: "10.9.9.9", system }), {
    localAddress: "10.9.9.9",
    interfaceName: "dummy0",
  });
  assertEquals(system.asked, []);
});

Deno.test("localAddressOf() throws for an interface or a source that is not this host's", async () => {
  const system = fake("linux", {});
  for (const selector of [{ interfaceName: "eth9" }, { source: "203.0.113.9" }]) {
    await assertRejects(() => localAddressOf("192.168.1.1", { ...selector, system }), UnknownInterfaceError);
  }
});

Deno.test("localAddressOf() without a selector asks the kernel only for a gateway that is not a neighbour", async () => {
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

Deno.test("localAddressOf() without a selector is undefined where interfaces may not be listed", async () => {
  const system = {
    ...fake("linux", {}),
    networkInterfaces: () => Promise.reject(new NoGatewayError("Cannot list the network interfaces")),
  };
  assertEquals(await localAddressOf("192.168.1.1", { system }), undefined);
  await assertRejects(
    () => localAddressOf("192.168.1.1", { system, source: "192.168.1.20" }),
    NoGatewayError,
  );
});

const THROUGH_ETH0 = {
  interfaceName: "eth0",
  nextHop: "192.168.1.1",
  isForeignHop: false,
  isLocal: false,
  origin: "main-table",
} as const;

Deno.test("localAddressOf() binds the socket where the route leads through another interface", async () => {
  const system = fake("linux", { kernelRoutes: { "10.2.0.1": THROUGH_ETH0 }, canBind: true });
  assertEquals(await localAddressOf("10.2.0.1", { interfaceName: "wg0", system }), {
    localAddress: "10.2.0.2",
    interfaceName: "wg0",
    binding: { interfaceName: "wg0", routeInterface: "eth0" },
  });
  const leads = fake("linux", { kernelRoutes: { "192.168.1.1": THROUGH_ETH0 }, canBind: true });
  assertEquals(
    (await localAddressOf("192.168.1.1", { interfaceName: "eth0", system: leads }))?.binding,
    undefined,
  );
});

Deno.test("localAddressOf() binds the socket where no route leads to the gateway", async () => {
  const system = fake("linux", { kernelRoutes: { "10.2.0.1": "unreachable" }, canBind: true });
  const { binding } = (await localAddressOf("10.2.0.1", { interfaceName: "wg0", system }))!;
  assertEquals(binding, { interfaceName: "wg0" });
});

Deno.test("localAddressOf() throws where the route leads elsewhere and no socket can be bound", async () => {
  for (const kernelRoutes of [{ "10.2.0.1": THROUGH_ETH0 }, {}]) {
    const error = await assertRejects(
      () => localAddressOf("10.2.0.1", { interfaceName: "wg0", system: linux("plain", { kernelRoutes }) }),
      NoGatewayError,
    );
    assertEquals(error.message, "Cannot ask 10.2.0.1 through wg0: the route leads through eth0");
    assertEquals(error.reason, "other-interface");
  }
  await assertRejects(
    () => localAddressOf("10.2.0.1", { interfaceName: "wg0", system: linux("no_default") }),
    NoGatewayError,
    "Cannot ask 10.2.0.1 through wg0: no route leads there",
  );
});

Deno.test("localAddressOf() leaves it at the address where nothing is known of routes and no socket can be bound", async () => {
  const system = fake("linux", {});
  assertEquals(await localAddressOf("10.2.0.1", { interfaceName: "wg0", system }), {
    localAddress: "10.2.0.2",
    interfaceName: "wg0",
  });
});

Deno.test("localAddressOf() does not bind for a gateway that is this host itself", async () => {
  const system = fake("linux", { canBind: true });
  for (const own of ["127.0.0.9", "192.168.1.20", "0.0.0.0"]) {
    assertEquals((await localAddressOf(own, { interfaceName: "wg0", system }))?.binding, undefined);
  }
  assertEquals(system.asked, []);
});
