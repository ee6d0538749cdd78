/**
 * What is written of leases that the gateway forgot, whichever process finds it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { withRecord } from "../../lib/state/records.ts";
import { KEY, known, Lab, LEFT, SECOND } from "./gateway_state_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;

Deno.test("GatewayState.save() marks as lost what was granted before the loss, and not what was granted since", async () => {
  const lab = new Lab();
  lab.leave({ ...LEFT, entries: [known(80), known(22)] });
  const { state, mapper, map } = await lab.open();
  await lab.clock.advance(10 * SECOND);
  await map(443);
  mapper.findLoss(4);
  await map(80);
  await state.save();
  assertEquals(lab.ports, ["80", "(22)", "(443)"]);
});

Deno.test("GatewayState.save() marks what was lost since it wrote last, although a time in the file has whole milliseconds", async () => {
  const lab = new Lab();
  lab.leave(LEFT);
  const { state, mapper, map } = await lab.open();
  await lab.clock.advance(SECOND + 0.25);
  mapper.hear(3);
  await lab.clock.advance(SECOND + 0.25);
  await map(22);
  await state.save();
  await lab.clock.advance(SECOND);
  mapper.loseState();
  await state.save();
  assertEquals(lab.ports, ["(80)", "(22)"]);
});

Deno.test("GatewayState.save() marks what a keeper took for lost", async () => {
  const lab = new Lab();
  lab.leave({ ...LEFT, entries: [known(80), known(22)] });
  const { state, mapper, map } = await lab.open({ isLossHandled: true });
  mapper.findLoss(4);
  state.ledger.loseAll(state.now());
  await map(80);
  await state.save();
  assertEquals(lab.ports, ["80", "(22)"]);
});

Deno.test("GatewayState.save() marks a lease that was granted for a state of the gateway that it has lost since", async () => {
  const lab = new Lab();
  const { state, mapper } = await lab.open();
  const lease = await mapper.map({ protocol: "tcp", internalPort: 80 });
  const { generation } = state.ledger;
  mapper.findLoss(1);
  state.ledger.grant(lease, state.now(), generation);
  await state.save();
  assertEquals(lab.ports, ["(80)"]);
});

Deno.test("GatewayState.save() does not mark what another process was granted after the loss was found here", async () => {
  const lab = new Lab();
  lab.leave(LEFT);
  const { state, mapper } = await lab.open();
  mapper.findLoss(4);
  await lab.clock.advance(SECOND);
  lab.set(withRecord(lab.paths.state, KEY, (record) => ({
    ...record,
    entries: [...record.entries, known(443, { lease: { granted: lab.paths.now() } })],
  })));
  await state.save();
  assertEquals(lab.ports, ["(80)", "443"]);
});

Deno.test("GatewayState.save() does not undo that another process mapped again what both knew to be lost", async () => {
  const lab = new Lab();
  lab.leave(LEFT);
  await lab.clock.advance(SECOND);
  const [first, second] = [await lab.open(), await lab.open()];
  first.mapper.findLoss(4);
  await first.map(22);
  await lab.clock.advance(SECOND);
  second.mapper.findLoss(4);
  await second.map(80);
  await second.state.save();
  const renewed = lab.lease(80);
  await lab.clock.advance(SECOND);
  await first.state.save();
  assertEquals([lab.ports, lab.lease(80)], [["80", "22"], renewed]);
});

Deno.test("GatewayState.save(): of many that find the same loss, none takes the new leases of the others for lost", async () => {
  const lab = new Lab();
  lab.leave({ ...LEFT, entries: [known(9)] });
  await lab.clock.advance(SECOND);
  // All are started before the first one has its turn at the gateway.
  const processes = await Promise.all(Array.from({ length: 5 }, () => lab.open()));
  for (const [i, { state, mapper, map }] of processes.entries()) {
    mapper.findLoss(4);
    await map(i + 1);
    await lab.clock.advance(100);
    await state.save();
  }
  assertEquals(lab.ports, ["(9)", "1", "2", "3", "4", "5"]);
});

Deno.test("GatewayState.save() marks what another process was granted between this one's start and the loss", async () => {
  const lab = new Lab();
  lab.leave(LEFT);
  const [first, second] = [await lab.open(), await lab.open()];
  second.mapper.hear(3);
  await second.map(443);
  await second.state.save();
  await lab.clock.advance(SECOND);
  first.mapper.findLoss(4);
  await first.map(22);
  await first.state.save();
  assertEquals(lab.ports, ["(80)", "(443)", "22"]);
});

Deno.test("GatewayState.save() takes a lost lease for held once it is granted again", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80, { isLost: true })] });
  const { state, map } = await lab.open();
  await map(80);
  await state.save();
  assertEquals(lab.ports, ["80"]);
});

// ---- another address ----

Deno.test("GatewayState takes every lease for lost where the gateway has another address than an earlier process found", async () => {
  const lab = new Lab();
  lab.leave({ ...LEFT, entries: [known(80), known(22)], externalAddress: "203.0.113.7" });
  const { state, map } = await lab.open();
  await lab.clock.advance(SECOND);
  assertEquals(state.noteAddress("203.0.113.8"), true);
  await map(80);
  // The same address once more is not another one.
  assertEquals(state.noteAddress("203.0.113.8"), false);
  await state.save();
  assertEquals([lab.ports, lab.record.externalAddress], [["80", "(22)"], "203.0.113.8"]);
});

Deno.test("GatewayState takes nothing for lost with the first address, or the same", async () => {
  for (const externalAddress of [undefined, "203.0.113.7"]) {
    const lab = new Lab();
    lab.leave({ ...LEFT, externalAddress });
    const { state } = await lab.open();
    assertEquals(state.noteAddress("203.0.113.7"), false);
    await state.save();
    assertEquals([lab.ports, lab.record.externalAddress], [["80"], "203.0.113.7"]);
  }
});

Deno.test("GatewayState.recordAddress() is of an address that the ledger has taken account of", async () => {
  const lab = new Lab();
  lab.leave({ ...LEFT, externalAddress: "203.0.113.7" });
  const { state } = await lab.open();
  state.recordAddress("203.0.113.8");
  await state.save();
  assertEquals([lab.ports, lab.record.externalAddress], [["80"], "203.0.113.8"]);
});

Deno.test("GatewayState.save() marks by another address what another process left meanwhile with the one before", async () => {
  const lab = new Lab();
  lab.leave({ ...LEFT, externalAddress: "203.0.113.7" });
  const [first, second] = [await lab.open(), await lab.open()];
  second.mapper.hear(4);
  await second.map(443);
  await second.state.save();
  await lab.clock.advance(SECOND);
  first.mapper.hear(4);
  first.state.noteAddress("203.0.113.8");
  await first.state.save();
  assertEquals(lab.ports, ["(80)", "(443)"]);
});

// ---- what the report of a loss leaves ----

Deno.test("GatewayState.save() keeps what was reported of a mapping that was lost", async () => {
  const lab = new Lab();
  const entry = known(80, {
    reported: { externalPort: 80, externalAddress: "203.0.113.7" },
    config: "/etc/a.json",
  });
  lab.leave({ ...LEFT, entries: [entry] });
  const { state, mapper } = await lab.open();
  mapper.findLoss(4);
  await state.save();
  assertEquals(lab.record.entries, [{ ...entry, isLost: true }]);
  assertEquals(state.entryBefore(TCP_80)?.isLost, undefined);
});
