import { assertEquals, assertNotStrictEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { Output } from "../../../lib/cli/output.ts";
import { Connector } from "../../../lib/cli/watch/connector.ts";
import { NoGatewayError, SocketError } from "../../../lib/errors.ts";
import type { SocketBinding } from "../../../lib/gateway/mod.ts";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

function connectorIn(world: TestWorld, ...args: string[]): Connector & { readonly deaf: string[] } {
  const line = parseCommandLine(["watch", "80", ...args]);
  const output = new Output(world, { json: false, quiet: false });
  const deaf: string[] = [];
  const onDeaf = (reason: string) => void deaf.push(reason);
  return Object.assign(new Connector({ line, world, output }, { onAnnouncement: () => {}, onDeaf }), {
    deaf,
  });
}

/** A world whose announcement sockets are opened as a test says, and the addresses of the interfaces that they hear. */
async function hearingWorld(options: TestWorldOptions = {}) {
  const world = new TestWorld(options);
  const network = await world.network();
  const control = { failure: undefined as string | undefined };
  const heardOn: string[] = [];
  world.network = () =>
    Promise.resolve({
      ...network,
      openAnnouncementSocket: (address, port) => {
        if (control.failure !== undefined) return Promise.reject(new SocketError(control.failure));
        heardOn.push(address);
        return network.openAnnouncementSocket(address, port);
      },
    });
  return { world, control, heardOn };
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

Deno.test("Connector hears announcements from the look on that finds a gateway", async () => {
  const options: { noGateway?: Error } = { noGateway: new NoGatewayError("no route") };
  const { world, heardOn } = await hearingWorld(options);
  const connector = connectorIn(world);
  await assertRejects(() => connector.connect(), NoGatewayError);
  assertEquals([connector.isHearing, heardOn], [false, []]);
  delete options.noGateway;
  for (let look = 0; look < 3; look++) await connector.connect();
  assertEquals([connector.isHearing, heardOn, connector.deaf], [true, ["10.0.0.2"], []]);
  connector.close();
});

Deno.test("Connector tries with each look to hear announcements where that failed, and says once why it does", async () => {
  const { world, control, heardOn } = await hearingWorld();
  const connector = connectorIn(world);
  control.failure = "Another program has it";
  for (let look = 0; look < 3; look++) await connector.connect();
  assertEquals([connector.isHearing, connector.deaf], [false, ["Another program has it"]]);
  control.failure = undefined;
  await connector.connect();
  assertEquals([connector.isHearing, heardOn], [true, ["10.0.0.2"]]);
  connector.close();
});

Deno.test("Connector hears announcements anew where the address moves to, also when that fails at first", async () => {
  const found: { localAddress: string } = { localAddress: "10.0.0.2" };
  const { world, control, heardOn } = await hearingWorld({ found });
  const connector = connectorIn(world);
  await connector.connect();
  found.localAddress = "10.0.0.7";
  control.failure = "No such device";
  await connector.connect();
  assertEquals(connector.isHearing, false);
  control.failure = undefined;
  await connector.connect();
  assertEquals([connector.isHearing, heardOn], [true, ["10.0.0.2", "10.0.0.7"]]);
  connector.close();
});

Deno.test("Connector hears announcements anew on an interface that was gone", async () => {
  const options: { noGateway?: Error } = {};
  const { world, heardOn } = await hearingWorld(options);
  const connector = connectorIn(world);
  const first = await connector.connect();
  options.noGateway = new NoGatewayError("no route");
  await assertRejects(() => connector.connect(), NoGatewayError);
  delete options.noGateway;
  assertStrictEquals(await connector.connect(), first);
  assertEquals(heardOn, ["10.0.0.2", "10.0.0.2"]);
  connector.close();
});

Deno.test("Connector.connect() throws while this host has no address towards a named gateway, and comes back to the same one", async () => {
  const world = new TestWorld();
  const connector = connectorIn(world, "--gateway", "10.0.0.1");
  const first = await connector.connect();
  const { localAddressOf } = TestWorld.prototype;
  world.localAddressOf = () => Promise.resolve(undefined);
  await assertRejects(() => connector.connect(), NoGatewayError, "no address");
  world.localAddressOf = localAddressOf;
  assertStrictEquals(await connector.connect(), first);
  connector.close();
});

Deno.test("Connector.connect() gives the same client when this host's address becomes known", async () => {
  const { world, heardOn } = await hearingWorld();
  const connector = connectorIn(world, "--gateway", "10.0.0.1");
  const { localAddressOf } = TestWorld.prototype;
  world.localAddressOf = () => Promise.resolve(undefined);
  const first = await connector.connect();
  assertEquals(connector.link?.localAddress, undefined);
  world.localAddressOf = localAddressOf;
  const second = await connector.connect();
  assertStrictEquals(second.mapper, first.mapper);
  assertEquals([connector.link?.localAddress, heardOn], ["10.0.0.2", ["0.0.0.0", "10.0.0.2"]]);
  connector.close();
});
