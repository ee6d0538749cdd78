import { assertEquals } from "@std/assert";
import { PortFiles } from "../../../lib/cli/publish/port_files.ts";
import type { RequestedMapping } from "../../../lib/cli/wanted.ts";
import { FakeMachine } from "../../support/fake_machine.ts";
import { heldLeaseOf } from "../../support/leases.ts";

const WANTED: readonly RequestedMapping[] = [
  { protocols: ["tcp", "udp"], internalPort: 80, portFile: "/run/one" },
  { protocols: ["tcp"], internalPort: 81, portFile: "/run/two" },
  { protocols: ["tcp"], internalPort: 82 },
  { protocols: ["udp"], internalPort: 83, portFile: "/run/one" },
];
const WEB = [heldLeaseOf({ externalPort: 8080 }), heldLeaseOf({ protocol: "udp", externalPort: 8080 })];
const SSH = heldLeaseOf({ internalPort: 81, externalPort: 2222 });
const FILELESS = heldLeaseOf({ internalPort: 82, externalPort: 8082 });
const DNS = heldLeaseOf({ protocol: "udp", internalPort: 83, externalPort: 53 });

Deno.test("PortFiles.hold() has in each file the distinct ports of its mappings, in the order of the specs", async () => {
  const machine = new FakeMachine();
  const files = await PortFiles.open(WANTED, { files: machine });
  assertEquals(await files.hold([...WEB, SSH, FILELESS, DNS]), []);
  assertEquals([...machine.files], [["/run/one", "8080\n53\n"], ["/run/two", "2222\n"]]);
});

Deno.test("PortFiles.hold() removes a file whose mappings hold nothing, and only that", async () => {
  const machine = new FakeMachine();
  const files = await PortFiles.open(WANTED, { files: machine });
  await files.hold([...WEB, SSH]);
  await files.hold([...WEB]);
  assertEquals([...machine.files], [["/run/one", "8080\n"]]);
  await files.hold([]);
  assertEquals(machine.files.size, 0);
});

Deno.test("PortFiles.hold() removes what an earlier run left, also of a file that no mapping has", async () => {
  const machine = new FakeMachine();
  for (const path of ["/run/one", "/run/two", "/run/all"]) machine.files.set(path, "4711\n");
  await (await PortFiles.open(WANTED, { files: machine, path: "/run/all" })).hold([]);
  assertEquals(machine.files.size, 0);
});

Deno.test("PortFiles.add() leaves the files alone whose mappings got nothing", async () => {
  const machine = new FakeMachine();
  machine.files.set("/run/one", "4711\n");
  await (await PortFiles.open(WANTED, { files: machine, path: "/run/all" })).add([SSH, FILELESS]);
  assertEquals([...machine.files], [["/run/one", "4711\n"], ["/run/two", "2222\n"]]);
});

Deno.test("PortFiles.add() removes a file of which all is over, that of mappings no longer wanted too", async () => {
  const machine = new FakeMachine();
  for (const path of ["/run/one", "/run/two", "/run/all"]) machine.files.set(path, "4711\n");
  await (await PortFiles.open(WANTED, { files: machine, path: "/run/all" })).add([DNS], [
    ...WEB,
    SSH,
    heldLeaseOf({ internalPort: 99 }),
  ]);
  assertEquals([...machine.files], [["/run/one", "53\n"]]);
});

Deno.test("PortFiles takes two ways to write a path for one file", async () => {
  const machine = new FakeMachine();
  const wanted: readonly RequestedMapping[] = [
    { protocols: ["tcp"], internalPort: 80, portFile: "/work/port" },
    { protocols: ["tcp"], internalPort: 81, portFile: "port" },
  ];
  await (await PortFiles.open(wanted, { files: machine })).hold([heldLeaseOf({ externalPort: 8080 }), SSH]);
  assertEquals([...machine.files], [["/work/port", "8080\n2222\n"]]);
});

Deno.test("PortFiles tells each file that cannot be written, writes the others, and tries again", async () => {
  const machine = new FakeMachine();
  const replace = machine.replace.bind(machine);
  let isFull = true;
  machine.replace = (path, text) =>
    isFull && path === "/run/one"
      ? Promise.reject(new Error("No space left on device"))
      : replace(path, text);
  const files = await PortFiles.open(WANTED, { files: machine });
  const failures = await files.hold([...WEB, SSH]);
  assertEquals(failures.map(({ message }) => message), [
    "Cannot write the port file /run/one: No space left on device",
  ]);
  assertEquals([...machine.files.keys()], ["/run/two"]);
  isFull = false;
  assertEquals(await files.hold([...WEB, SSH]), []);
  assertEquals(machine.files.get("/run/one"), "8080\n");
});

Deno.test("PortFiles is empty when nobody wants a file", async () => {
  const machine = new FakeMachine();
  assertEquals((await PortFiles.open(WANTED.slice(2, 3), { files: machine })).isEmpty, true);
  assertEquals((await PortFiles.open(WANTED, { files: machine })).isEmpty, false);
  assertEquals((await PortFiles.open([], { files: machine, path: "/run/all" })).isEmpty, false);
});
