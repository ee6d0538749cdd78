import { assertEquals, assertMatch } from "@std/assert";
import type { MappingKey } from "../../../lib/port_mapper.ts";
import { formatState } from "../../../lib/state/format.ts";
import { TestWorld } from "../../support/test_world.ts";

function namesIn(world: TestWorld): string[] {
  return world.fakeStatePaths.state.gateways.flatMap(({ entries }) =>
    entries.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`)
  );
}

/** Lets watches run, one after the other as `natpmp watch, process 8` and so on, that keep these mappings. */
function keep(world: TestWorld, ...kept: (readonly MappingKey[])[]): void {
  const { files, path, state } = world.fakeStatePaths;
  const watches = kept.map((mappings, i) => ({ lock: world.fakeStatePaths.watchLock(i), mappings }));
  const gateways = state.gateways.map((record) => ({ ...record, watches }));
  files.texts.set(path, formatState({ ...state, gateways }));
  watches.forEach(({ lock }, i) => files.locks.set(lock, `natpmp watch, process ${8 + i}`));
}

/** What `natpmp unmap` alone says on stderr. */
async function unmap(world: TestWorld, ...args: string[]): Promise<string> {
  const before = world.stderr.text.length;
  await world.run("unmap", ...args);
  return world.stderr.text.slice(before);
}

Deno.test("unmap drops the lease from the state", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "9000:90/udp");
  assertEquals(await unmap(world, "8080:80"), "");
  assertEquals(namesIn(world), ["udp 90"]);
});

Deno.test("unmap --all drops the leases of its protocols", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "9000:90/udp", "9001:91/udp");
  await world.run("unmap", "--all", "--udp");
  assertEquals(namesIn(world), ["tcp 80"]);
  await world.run("unmap", "--all");
  assertEquals(namesIn(world), []);
});

Deno.test("unmap keeps a lease in the state that the gateway did not delete", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  world.gateway.setFaults({ refuse: true }, world.clock.now());
  await world.run("unmap", "8080:80");
  assertEquals(namesIn(world), ["tcp 80"]);
});

Deno.test("unmap of an external port names the lease that was probably meant", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  assertEquals(
    await unmap(world, "8080"),
    "natpmp: warning: This host did not map tcp 8080, but it mapped tcp 80 at external port 8080: " +
      "to unmap that, run natpmp unmap 80/tcp\n",
  );
  assertEquals(world.mappings.length, 1);
});

Deno.test("unmap of the other protocol names the lease that was probably meant", async () => {
  const world = new TestWorld();
  await world.run("map", "80/udp");
  assertEquals(
    await unmap(world, "80"),
    "natpmp: warning: This host did not map tcp 80, but it mapped udp 80 at external port 80: " +
      "to unmap that, run natpmp unmap 80/udp\n",
  );
});

Deno.test("unmap names no lease that has run out, or that the gateway forgot", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "9000:90");
  await world.clock.advance(3 * 3_600_000);
  assertEquals(await unmap(world, "8080"), "");
  await world.run("map", "8080:80", "9000:90", "--quiet");
  world.gateway.reboot(world.clock.now());
  await world.clock.advance(60_000);
  await world.run("map", "9000:90", "--quiet");
  assertEquals(await unmap(world, "8080"), "");
});

Deno.test("unmap --all warns of a running watch that has no lease at the moment", async () => {
  const world = new TestWorld();
  await world.run("map", "9000:90/udp", "--quiet");
  keep(world, [{ protocol: "tcp", internalPort: 80 }]);
  assertMatch(await unmap(world, "--all"), /Another process \(natpmp watch, process 8\) keeps tcp 80/);
  assertEquals(await unmap(world, "--all", "--udp"), "");
});

Deno.test("unmap --all names everything that running watches keep", async () => {
  const world = new TestWorld();
  await world.run("map", "9000:90", "--quiet");
  keep(world, [{ protocol: "tcp", internalPort: 80 }], [
    { protocol: "tcp", internalPort: 90 },
    { protocol: "udp", internalPort: 90 },
  ]);
  assertEquals(
    await unmap(world, "--all"),
    "natpmp: warning: Another process (natpmp watch, process 8) keeps tcp 80 and maps it again at its next renewal: " +
      "to delete it for good, stop that process\n" +
      "natpmp: warning: Another process (natpmp watch, process 9) keeps tcp 90, udp 90 and maps them again at their next renewal: " +
      "to delete them for good, stop that process\n",
  );
});

Deno.test("unmap of what is not mapped at all says nothing more", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  assertEquals(await unmap(world, "4711"), "");
});

for (const args of [["80"], ["--all"]]) {
  Deno.test(`unmap ${args} warns that a running watch will map it again`, async () => {
    const world = new TestWorld();
    await world.run("map", "8080:80");
    keep(world, [{ protocol: "tcp", internalPort: 80 }]);
    assertEquals(
      await unmap(world, ...args),
      "natpmp: warning: Another process (natpmp watch, process 8) keeps tcp 80 and maps it again at its next renewal: " +
        "to delete it for good, stop that process\n",
    );
  });
}
