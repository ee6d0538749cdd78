import { assertEquals, assertRejects } from "@std/assert";
import { PortFile } from "../../../lib/cli/watch/port_file.ts";
import { FakeMachine } from "../../support/fake_machine.ts";

Deno.test("PortFile holds the distinct ports in their order, one a line", async () => {
  const machine = new FakeMachine();
  const file = new PortFile("/run/port", machine);
  await file.hold([40_001, 40_001, 22, 40_000]);
  assertEquals(machine.files.get("/run/port"), "40001\n22\n40000\n");
});

Deno.test("PortFile is written only when the ports are others", async () => {
  const machine = new FakeMachine();
  const file = new PortFile("/run/port", machine);
  for (const ports of [[1], [1], [1, 1], [2], [1]]) await file.hold(ports);
  assertEquals(machine.fileHistory, ["1\n", "2\n", "1\n"]);
});

Deno.test("PortFile goes when no port is left, and a stale one of another run goes too", async () => {
  const machine = new FakeMachine();
  machine.files.set("/run/port", "4711\n");
  const file = new PortFile("/run/port", machine);
  await file.hold([]);
  assertEquals(machine.files.size, 0);
  await file.hold([1]);
  await file.hold([]);
  await file.hold([]);
  assertEquals(machine.fileHistory, [undefined, "1\n", undefined]);
});

Deno.test("PortFile names the file and the reason of a failure, and tries again at the next call", async () => {
  const machine = new FakeMachine();
  const file = new PortFile("/run/port", machine);
  machine.fileFailure = "No space left on device";
  await assertRejects(
    () => file.hold([1]),
    Error,
    "Cannot write the port file /run/port: No space left on device",
  );
  machine.fileFailure = undefined;
  await file.hold([1]);
  assertEquals(machine.files.get("/run/port"), "1\n");
});
