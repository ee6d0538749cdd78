import { assertEquals, assertNotStrictEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { Output } from "../../../lib/cli/output.ts";
import { Connector } from "../../../lib/cli/watch/connector.ts";
import { NoGatewayError, SocketError } from "../../../lib/errors.ts";
import type { SocketBinding } from "../../../lib/gateway/mod.ts";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

function connectorIn(world: TestWorld, ...args: string[]): Connector {
  const line = parseCommandLine(["watch", "80", ...args]);
  const output = new Output(world, { json: false, quiet: false });
  return new Connector({ line, world, output }, { onAnnouncement: () => {} });
}

Deno.test("Connector.connect() gives the same connection for as long as gateway and local address are the same", async () => {
  const world = new TestWorld();
  const connector = connectorIn(world);
  assertEquals([connector.link, connector.gateway, connector.uptimeMs], [undefined, undefined, undefined]);
  const first = await connector.connect();
  assertStrictEquals(await connector.connect(), first);
  const { client, ...link } = connector.link!;
  assertEquals(link, { gateway: "10.0.0.1", port: 5351, localAddress: "10.0.0.2" });
  assertEquals(client.gateway, "10.0.0.1");
});

Deno.test("Connector.connect() gives another connection when the host's address is another", async () => {
  const found: { localAddress: string } = { localAddress: "10.0.0.2" };
  const options: TestWorldOptions = { found };
  const connector = connectorIn(new TestWorld(options));
  const first = await connector.connect();
  found.localAddress = "10.0.0.7";
  assertNotStrictEquals(await connector.connect(), first);
  assertEquals(connector.link?.localAddress, "10.0.0.7");
});

Deno.test("Connector.connect() gives another connection when the socket has to be bound to the interface", async () => {
  const found: { binding?: SocketBinding } = {};
  const connector = connectorIn(new TestWorld({ found }));
  const first = await connector.connect();
  found.binding = { interfaceName: "wg0", routeInterface: "eth0" };
  const bound = await connector.connect();
  assertNotStrictEquals(bound, first);
  assertStrictEquals(await connector.connect(), bound);
  // The test's world has no sockets that can be bound.
  await assertRejects(() => bound.mapper.externalAddress(), SocketError, "through wg0");
});

Deno.test("Connector.link has the port that --gateway names", async () => {
  const connector = connectorIn(new TestWorld(), "--gateway", "10.0.0.1:5399");
  await connector.connect();
  assertEquals([connector.link?.gateway, connector.link?.port], ["10.0.0.1", 5399]);
});

Deno.test("Connector.connect() throws while there is no gateway, and hears announcements before there is one", async () => {
  const connector = connectorIn(new TestWorld({ noGateway: new NoGatewayError("no route") }));
  await assertRejects(() => connector.connect(), NoGatewayError);
  assertEquals(await connector.hear(), undefined);
  connector.close();
});

Deno.test("Connector.hear() says why announcements cannot be heard", async () => {
  const connector = connectorIn(new TestWorld({ hasNoSocket: true }));
  assertEquals(await connector.hear(), "Cannot open a UDP socket on 224.0.0.1:5350");
});
