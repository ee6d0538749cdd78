import { assertEquals, assertLessOrEqual } from "@std/assert";
import { deleted } from "../../lib/lease/ledger.ts";
import { mappingName } from "../../lib/port_mapper.ts";
import { entryOf } from "../support/state_samples.ts";
import { eventOf, Lab, TCP_22, TCP_80, UDP_80 } from "./watch_record_lab.ts";

Deno.test("WatchRecord writes what a round brings once, however much it is", async () => {
  const lab = new Lab();
  const ports = Array.from({ length: 20 }, (_, i) => 80 + i);
  const record = lab.watch({ mappings: ports.map((internalPort) => ({ protocol: "tcp", internalPort })) });
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  const before = lab.written;
  await lab.map(record, ledger, mapper, ...ports);
  await lab.clock.advance(60_000);
  assertEquals([lab.written - before, lab.paths.state.gateways[0]!.entries.length], [1, 20]);
  await record.close();
});

Deno.test("WatchRecord writes no more often than every 5 s, and at its end what is left", async () => {
  const lab = new Lab();
  const record = lab.watch();
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  const before = lab.written;
  const grantedAtMs = () => lab.paths.state.gateways[0]!.entries[0]!.lease!.granted.uptimeMs! - 1_000_000;
  for (let i = 0; i < 600; i++) {
    await lab.map(record, ledger, mapper, 80);
    await lab.clock.advance(100);
    // At most 5 s of renewals are missing in the file.
    assertLessOrEqual(lab.clock.now() - grantedAtMs(), 5100);
  }
  // The first at once.
  assertEquals(lab.written - before, 13);
  await lab.map(record, ledger, mapper, 80);
  const lastMs = lab.clock.now();
  await record.close();
  assertEquals(grantedAtMs(), lastMs);
  assertEquals(lab.clock.now(), lastMs);
});

Deno.test("WatchRecord writes again with the next event what could not be written", async () => {
  const lab = new Lab();
  const record = lab.watch({ mappings: [TCP_80, TCP_22] });
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  const { files } = lab.paths;
  files.writeFailure = new Error("No space left on device (os error 28)");
  await lab.map(record, ledger, mapper, 80);
  await lab.clock.advance(60_000);
  files.writeFailure = undefined;
  await lab.map(record, ledger, mapper, 22);
  await lab.clock.advance(0);
  assertEquals(lab.mappings, ["10.0.0.1: tcp 80, tcp 22"]);
  await record.close();
});

Deno.test("WatchRecord writes a change that comes while it writes", async () => {
  const lab = new Lab();
  const record = lab.watch({ mappings: [TCP_80, TCP_22] });
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  lab.paths.files.locks.set(`${lab.paths.path}.lock`, "another process");
  await lab.map(record, ledger, mapper, 80);
  await lab.clock.advance(500);
  await lab.map(record, ledger, mapper, 22);
  lab.paths.files.locks.delete(`${lab.paths.path}.lock`);
  await lab.clock.advance(6000);
  assertEquals(lab.mappings, ["10.0.0.1: tcp 80, tcp 22"]);
  await record.close();
});

for (
  const type of ["mapped", "renewed", "changed", "expired", "unmapped", "address", "state-lost"] as const
) {
  Deno.test(`WatchRecord writes what changed at the event ${type}`, async () => {
    const lab = new Lab();
    lab.leave({ entries: [entryOf(80, { lease: { granted: lab.paths.now() } })] });
    const record = lab.watch();
    const ledger = await lab.follow(record, lab.mapper());
    ledger.change(TCP_80, deleted);
    lab.address = "203.0.113.9";
    record.note(eventOf(type));
    await lab.clock.advance(0);
    const { externalAddress, entries } = lab.paths.state.gateways[0]!;
    assertEquals([externalAddress, entries], ["203.0.113.9", []]);
    await record.close();
  });
}

for (const type of ["error", "announcement", "gateway-silent", "gateway-back", "gateway-changed"] as const) {
  Deno.test(`WatchRecord writes nothing at the event ${type}`, async () => {
    const lab = new Lab();
    const record = lab.watch();
    const ledger = await lab.follow(record, lab.mapper());
    const before = lab.written;
    ledger.change(TCP_80, (entry) => ({ ...entry, hookPending: true }));
    record.note(eventOf(type));
    await lab.clock.advance(10_000);
    assertEquals(lab.written, before);
    await record.close();
  });
}

Deno.test("WatchRecord writes the configuration that asks for its mappings, with leases that it was granted", async () => {
  const lab = new Lab();
  lab.leave({ entries: [entryOf(22, { lease: { granted: lab.paths.now() } })] });
  const record = lab.watch({ mappings: [TCP_80, UDP_80], config: "/etc/natpmp.json" });
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  await lab.map(record, ledger, mapper, 80);
  await lab.clock.advance(0);
  assertEquals(
    lab.paths.state.gateways[0]!.entries.map((entry) => [mappingName(entry), entry.config]),
    [["tcp 22", undefined], ["tcp 80", "/etc/natpmp.json"]],
  );
  await record.close();
});

// ---- bad weather ----

Deno.test("WatchRecord warns once of each reason why nothing can be remembered", async () => {
  const lab = new Lab();
  const { files } = lab.paths;
  files.writeFailure = new Error("No space left on device (os error 28)");
  const record = lab.watch();
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  for (let i = 0; i < 5; i++) {
    await lab.map(record, ledger, mapper, 80);
    await lab.clock.advance(10_000);
  }
  assertEquals(lab.warnings, [
    "Cannot write the state file /state/natpmp/leases.json: No space left on device (os error 28)",
  ]);
  files.writeFailure = new Error("Read-only file system (os error 30)");
  await lab.map(record, ledger, mapper, 80);
  await record.close();
  assertEquals(lab.warnings.slice(1), [
    "Cannot write the state file /state/natpmp/leases.json: Read-only file system (os error 30)",
  ]);
  assertEquals(files.locks.size, 0);
});

Deno.test("WatchRecord keeps its mappings beside a newer program's file with one warning, and leaves the file as it is", async () => {
  const lab = new Lab();
  const { files, path } = lab.paths;
  const text = '{"version":3}';
  files.texts.set(path, text);
  const record = lab.watch();
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  await lab.map(record, ledger, mapper, 80);
  await lab.clock.advance(10_000);
  await record.close();
  assertEquals([files.texts.get(path), lab.written, lab.warnings.length, files.locks.size], [text, 0, 1, 0]);
});
