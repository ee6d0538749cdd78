import {
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { parseCommandLine } from "../lib/cli/args.ts";
import { Output } from "../lib/cli/output.ts";
import { watchConnector } from "../lib/cli/watch/watch_connector.ts";
import { NoGatewayError, SocketError } from "../lib/errors.ts";
import type { GatewayConnector } from "../lib/gateway_connector.ts";
import type { SocketBinding } from "../lib/gateway/mod.ts";
import { TestWorld, type TestWorldOptions } from "./support/test_world.ts";

function connectorIn(world: TestWorld, ...args: string[]): GatewayConnector & { readonly deaf: string[] } {
  const line = parseCommandLine(["watch", "80", ...args]);
  const output = new Output(world, { json: false, quiet: false });
  const deaf: string[] = [];
  const onDeaf = (reason: string) => void deaf.push(reason);
  return Object.assign(
    watchConnector({ line, world, output }, { onHint: () => {}, onDeaf, isPatient: () => false }),
    { deaf },
  );
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

Deno.test("GatewayConnector.connect() gives the same connection for as long as gateway and local address are the same", async () => {
  const world = new TestWorld();
  const connector = connectorIn(world);
  assertEquals(connector.mapper, undefined);
  const first = await connector.connect();
  assertStrictEquals(await connector.connect(), first);
  assertStrictEquals(connector.mapper, first.mapper);
  assertEquals([first.mapper.gateway, first.localAddress], ["10.0.0.1", "10.0.0.2"]);
});

Deno.test("GatewayConnector.connect() gives another connection when the host's address is another", async () => {
  const found: { localAddress: string } = { localAddress: "10.0.0.2" };
  const options: TestWorldOptions = { found };
  const connector = connectorIn(new TestWorld(options));
  const first = await connector.connect();
  found.localAddress = "10.0.0.7";
  const second = await connector.connect();
  assertNotStrictEquals(second.mapper, first.mapper);
  assertEquals(second.localAddress, "10.0.0.7");
});

Deno.test("GatewayConnector.connect() gives another connection when the socket has to be bound to the interface", async () => {
  const found: { binding?: SocketBinding } = {};
  const connector = connectorIn(new TestWorld({ found }));
  const first = await connector.connect();
  found.binding = { interfaceName: "wg0", routeInterface: "eth0" };
  const bound = await connector.connect();
  assertNotStrictEquals(bound.mapper, first.mapper);
  assertStrictEquals(await connector.connect(), bound);
  // The test's world has no sockets that can be bound.
  await assertRejects(() => bound.mapper.probe(), SocketError, "through wg0");
});

Deno.test("GatewayConnector.connect() gives a client that asks at the port that --gateway names", async () => {
  const world = new TestWorld();
  const connector = connectorIn(world, "--gateway", "10.0.0.1:5399", "--verbose");
  const { mapper } = await connector.connect();
  const stopping = new AbortController();
  const probing = mapper.probe({ signal: stopping.signal });
  await world.clock.advance(0);
  stopping.abort();
  await assertRejects(() => probing, DOMException);
  assertStringIncludes(world.stderr.text, "-> 10.0.0.1:5399 PCP announce request");
  connector.close();
});

Deno.test("GatewayConnector hears announcements from the look on that finds a gateway", async () => {
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

Deno.test("GatewayConnector tries with each look to hear announcements where that failed, and says once why it does", async () => {
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

Deno.test("GatewayConnector hears announcements anew where the address moves to, also when that fails at first", async () => {
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

Deno.test("GatewayConnector hears announcements anew on an interface that was gone", async () => {
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

Deno.test("GatewayConnector.connect() throws while this host has no address towards a named gateway, and comes back to the same one", async () => {
  const world = new TestWorld();
  const connector = connectorIn(world, "--gateway", "10.0.0.1");
  const first = await connector.connect();
  const { localAddressOf } = TestWorld.prototype;
  world.localAddressOf = () => Promise.resolve(undefined);
  await assertRejects(() => connector.connect(), NoGatewayError, "Cannot ask 10.0.0.1 any more");
  world.localAddressOf = localAddressOf;
  assertStrictEquals(await connector.connect(), first);
  connector.close();
});

Deno.test("GatewayConnector.connect() gives the same client when this host's address becomes known", async () => {
  const { world, heardOn } = await hearingWorld();
  const connector = connectorIn(world, "--gateway", "10.0.0.1");
  const { localAddressOf } = TestWorld.prototype;
  world.localAddressOf = () => Promise.resolve(undefined);
  const first = await connector.connect();
  assertEquals(first.localAddress, undefined);
  world.localAddressOf = localAddressOf;
  const second = await connector.connect();
  assertStrictEquals(second.mapper, first.mapper);
  assertEquals([second.localAddress, heardOn], ["10.0.0.2", ["0.0.0.0", "10.0.0.2"]]);
  connector.close();
});
