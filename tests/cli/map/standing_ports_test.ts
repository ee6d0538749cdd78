import { assertEquals } from "@std/assert";
import { standingPorts } from "../../../lib/cli/map/standing_ports.ts";
import type { MappingKey } from "../../../lib/port_mapper.ts";
import { leaseOf } from "../../support/leases.ts";
import { OTHER_HOST, TestWorld } from "../../support/test_world.ts";

const ERROR = new Error("no");

Deno.test("standingPorts() without a book is what was granted or left alone", () => {
  const lease = leaseOf({ internalPort: 80 });
  const kept = leaseOf({ internalPort: 81 });
  const mapping: MappingKey = { protocol: "tcp", internalPort: 82 };
  assertEquals(standingPorts([{ lease }, { mapping, error: ERROR }, { kept }], undefined), {
    held: [lease, kept],
    over: [],
  });
});

Deno.test("map --port-file keeps the port of a lease that lives, though this time it was refused", async () => {
  const port = { protocol: "tcp", internalPort: 1, externalPort: 8080, address: OTHER_HOST } as const;
  const world = new TestWorld({
    gateway: { staticMappings: [port] },
    faultsFor: ({ kind }, number) => kind === "map" && number > 4 ? { resultCode: 4 } : {},
  });
  const run = () => world.run("map", "8080:80", "22", "--port-file", "/run/ports");
  await run();
  const text = world.fakeMachine.files.get("/run/ports");
  assertEquals(text?.split("\n").length, 3);
  assertEquals([(await run()).exitCode, world.fakeMachine.files.get("/run/ports")], [7, text]);
});

Deno.test("map --port-file removes the port of a lease that ran out and is refused", async () => {
  let isRefusing = false;
  const world = new TestWorld({ faultsFor: () => isRefusing ? { resultCode: 2 } : {} });
  const run = () => world.run("map", "8080:80", "--lifetime", "60", "--port-file", "/run/ports");
  await run();
  isRefusing = true;
  await world.clock.advance(59_000);
  assertEquals([(await run()).exitCode, world.fakeMachine.files.get("/run/ports")], [5, "8080\n"]);
  await world.clock.advance(2000);
  assertEquals([(await run()).exitCode, world.fakeMachine.files.has("/run/ports")], [5, false]);
});
