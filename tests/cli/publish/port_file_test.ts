import { assertEquals, assertRejects } from "@std/assert";
import { PortFile, PortFileError } from "../../../lib/cli/publish/port_file.ts";
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

for (
  const text of [
    "nameserver 10.0.0.1\n",
    "8080\n\nx\n",
    "655350\n",
    "-1\n",
    "0x50\n",
    " ".repeat(100_000) + "x",
    "1\n".repeat(65_535 * 3 + 1),
    "８０\n",
    "\0",
  ]
) {
  Deno.test(`PortFile leaves what holds more than ports: ${JSON.stringify(text.slice(0, 30))}`, async () => {
    for (const ports of [[], [1]]) {
      const machine = new FakeMachine();
      machine.files.set("/run/port", text);
      const { message } = await assertRejects(
        () => new PortFile("/run/port", machine).hold(ports),
        PortFileError,
      );
      assertEquals(
        message,
        "Cannot write the port file /run/port: /run/port is not a port file. " +
          "It holds more than ports, so natpmp did not change it",
      );
      assertEquals([machine.files.get("/run/port"), machine.fileHistory], [text, []]);
    }
  });
}

for (const text of ["", "\n", "8080", "0\n", "8080\r\n22\r\n", " 8080 \n\n", "1\n".repeat(65_535)]) {
  Deno.test(`PortFile replaces and removes what looks like one: ${JSON.stringify(text.slice(0, 30))}`, async () => {
    const machine = new FakeMachine();
    machine.files.set("/run/port", text);
    await new PortFile("/run/port", machine).hold([7]);
    assertEquals(machine.files.get("/run/port"), "7\n");
    machine.files.set("/run/port", text);
    await new PortFile("/run/port", machine).hold([]);
    assertEquals(machine.files.size, 0);
  });
}

Deno.test("PortFile looks at what is there at each change, and recovers when that has gone", async () => {
  const machine = new FakeMachine();
  const file = new PortFile("/run/port", machine);
  await file.hold([1]);
  machine.files.set("/run/port", "somebody's notes");
  await assertRejects(() => file.hold([2]), PortFileError, "is not a port file");
  machine.files.delete("/run/port");
  await file.hold([2]);
  assertEquals(machine.files.get("/run/port"), "2\n");
});

Deno.test("PortFile leaves a file that it cannot read", async () => {
  const machine = new FakeMachine();
  machine.contents.set(
    "/run/port",
    new Deno.errors.PermissionDenied("Permission denied (os error 13): open '/x'"),
  );
  await assertRejects(() => new PortFile("/run/port", machine).hold([]), PortFileError, "Permission denied");
  assertEquals(machine.fileHistory, []);
});

Deno.test("PortFile tells whether it is the directory that is missing", async () => {
  for (
    const [error, isWithoutDirectory] of [[new Deno.errors.NotFound("x"), true], [
      new Error("x"),
      false,
    ]] as const
  ) {
    const machine = new FakeMachine();
    machine.clear = () => Promise.reject(error);
    const failure = await assertRejects(() => new PortFile("/run/port", machine).hold([]), PortFileError);
    assertEquals(failure.isWithoutDirectory, isWithoutDirectory);
  }
});
