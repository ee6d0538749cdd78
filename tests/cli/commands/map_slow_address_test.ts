/**
 * `map` writes down what it was granted before it waits for the address: who kills it then loses nothing.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { faultyFor, TestWorld } from "../../support/test_world.ts";

const SILENT_ABOUT_ADDRESS = { faultsFor: faultyFor("address", { silent: true }) };

/** Runs a command line, and gives what is remembered a second after the question for the address went out. */
async function rememberedMeanwhile(world: TestWorld, ...args: string[]) {
  const texts: (string | undefined)[] = [];
  const { files, path } = world.fakeStatePaths;
  world.clock.sleep(world.clock.now() + 1000).then(() => texts.push(files.texts.get(path)));
  const { exitCode } = await world.run(...args);
  assertEquals([exitCode, texts.length], [0, 1]);
  assertEquals(world.requests.at(-1)?.kind, "address");
  return JSON.parse(texts[0] ?? '{"gateways":[]}').gateways;
}

Deno.test("map remembers what it was granted while the address is not known yet", async () => {
  const world = new TestWorld(SILENT_ABOUT_ADDRESS);
  const [gateway, ...others] = await rememberedMeanwhile(world, "map", "8080:80/both", "any:22");
  assertEquals(others, []);
  assertEquals(
    gateway.mappings.map(({ protocol, internalPort, externalPort, lifetimeSeconds, granted }: {
      readonly protocol: string;
      readonly internalPort: number;
      readonly externalPort: number;
      readonly lifetimeSeconds: number;
      readonly granted: { readonly at: string };
    }) => [protocol, internalPort, externalPort, lifetimeSeconds, granted.at]),
    [
      ["tcp", 80, 8080, 7200, "2026-01-01T00:00:00.000Z"],
      ["udp", 80, 8080, 7200, "2026-01-01T00:00:00.000Z"],
      ["tcp", 22, 57_344, 7200, "2026-01-01T00:00:00.000Z"],
    ],
  );
});

Deno.test("map remembers the configuration and the port file while the address is not known yet", async () => {
  const world = new TestWorld(SILENT_ABOUT_ADDRESS);
  const config = "/etc/natpmp.json";
  world.fakeMachine.files.set(config, JSON.stringify({ portFile: "/run/port", mappings: ["8080:80"] }));
  const [gateway] = await rememberedMeanwhile(world, "map", "--config", config);
  const [mapping] = gateway.mappings;
  assertEquals([mapping.config, mapping.portFile], [config, "/run/port"]);
});

Deno.test("unmap deletes what a map was granted that was killed while it waited for the address", async () => {
  const killed = new TestWorld(SILENT_ABOUT_ADDRESS);
  const { files, path } = killed.fakeStatePaths;
  let text = "";
  killed.clock.sleep(1000).then(() => text = files.texts.get(path) ?? "");
  await killed.run("map", "8080:80");
  files.texts.set(path, text);
  const { stdout } = await killed.run("status");
  assertEquals(stdout.includes("tcp 80   8080      "), true, stdout);
  assertEquals((await killed.run("unmap", "80")).exitCode, 0);
  assertEquals([killed.mappings, killed.fakeStatePaths.state.gateways[0]?.entries], [[], []]);
});

Deno.test("map on a slow disk does not wait for itself when the gateway refuses to report its address", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("address", { resultCode: 3 }) });
  const { clock } = await world.network();
  const { files } = world.fakeStatePaths;
  const { replace } = files;
  const written: number[] = [];
  files.replace = async (path, text) => {
    await clock.sleep(500);
    written.push(clock.now());
    await replace.call(files, path, text);
  };
  const { exitCode, stdout, stderr } = await world.run("map", "8080:80", "--timeout", "0.25");
  assertEquals([exitCode, stdout], [0, "tcp 8080 -> 80, 7200 s\n"]);
  assertEquals(stderr.split("\n").length, 2, stderr);
  assertEquals(stderr.startsWith("natpmp: warning: The external address is unknown: "), true, stderr);
  assertEquals(written, [500, 1000]);
  assertEquals(world.fakeStatePaths.state.gateways[0]?.entries.length, 1);
});
