import { assertEquals } from "@std/assert";
import { LeaseBook } from "../../../lib/cli/state/lease_book.ts";
import { linkOf, type State, type StoredLease, withLink } from "../../../lib/lease/state.ts";
import { formatState } from "../../../lib/lease/state_format.ts";
import { LeaseStore } from "../../../lib/lease/store.ts";
import type { GatewayMemory, Lease, RemembersGateway } from "../../../lib/port_mapper.ts";
import { ManualClock } from "../../../lib/simulator/mod.ts";
import { FakeMapper } from "../../lease/fake_mapper.ts";
import { FakeStateHome } from "../../support/fake_state_home.ts";
import { leaseOf, linkWith, runOf } from "../../support/state_samples.ts";

const LINK = { host: "box", gateway: "10.0.0.1", port: 5351, localAddress: "10.0.0.2" };
const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const START = Date.UTC(2026, 0);

/** A client that remembers a count of the gateway's losses of state, as its own kind of data. */
class RememberingMapper extends FakeMapper implements RemembersGateway {
  memory: GatewayMemory | undefined;
  readonly recalled: GatewayMemory[] = [];

  recall(memory: GatewayMemory): void {
    this.recalled.push(memory);
  }

  hasForgottenSince({ data }: GatewayMemory): boolean {
    return (data as { losses: number }).losses < (this.memory?.data as { losses: number }).losses;
  }

  /** Hears from the gateway, which has lost its state so often. */
  hear(losses: number): void {
    this.memory = { data: { losses }, atMs: this.clock.now() };
  }
}

/** One user's processes on one host. */
class Lab {
  readonly clock = new ManualClock({ startMs: 0, wallStart: new Date(START) });
  readonly home = new FakeStateHome(this.clock);
  readonly warnings: string[] = [];

  /** Opens the book of one process. */
  async open(): Promise<
    { book: LeaseBook; mapper: RememberingMapper; lease: (port: number) => Promise<Lease> }
  > {
    const { clock, home, warnings } = this;
    const mapper = new RememberingMapper(clock);
    const warn = (text: string) => warnings.push(text);
    const { files, path } = home;
    const store = new LeaseStore({
      path,
      files,
      clock,
      timeoutMs: 1000,
      now: () => home.now(),
      holder: "me",
      warn,
    });
    const book = await LeaseBook.open({ store, link: LINK, mapper, clock, warn });
    const lease = async (port: number) => {
      const granted = await mapper.map({ protocol: "tcp", internalPort: port, externalPort: port });
      book.noteGrant(granted);
      return granted;
    };
    return { book, mapper, lease };
  }

  set(state: State): void {
    this.home.files.texts.set(this.home.path, formatState(state));
  }

  get leases(): readonly StoredLease[] {
    return linkOf(this.home.state, LINK).leases;
  }

  /** The internal ports of the leases; those that are lost in brackets. */
  get ports(): string[] {
    return this.leases.map(({ internalPort, isLost }) => isLost ? `(${internalPort})` : `${internalPort}`);
  }
}

/** A lease that was granted at the start of the clock. */
function known(internalPort: number, change: Partial<StoredLease> = {}): StoredLease {
  return leaseOf(internalPort, { granted: { wallMs: START, uptimeMs: 1_000_000, boot: "first" }, ...change });
}

// ---- what is known ----

Deno.test("LeaseBook knows the leases of its own gateway and local address alone", async () => {
  const lab = new Lab();
  lab.set({
    links: [
      linkWith({ leases: [known(80)] }),
      ...[{ host: "laptop" }, { gateway: "10.0.0.9" }, { port: 15_351 }, { localAddress: "10.0.0.3" }].map((
        other,
      ) => linkWith({ ...other, leases: [known(22)] })),
    ],
    runs: [],
  });
  const { book } = await lab.open();
  assertEquals(book.known.leases, [known(80)]);
  assertEquals([book.leaseOf(TCP_80), book.leaseOf({ protocol: "tcp", internalPort: 22 })], [
    known(80),
    undefined,
  ]);
});

Deno.test("LeaseBook tells whether a lease is alive, and how long it has", async () => {
  const lab = new Lab();
  lab.set({
    links: [
      linkWith({ leases: [known(80), known(22, { lifetimeSeconds: 60 }), known(443, { isLost: true })] }),
    ],
    runs: [],
  });
  const { book } = await lab.open();
  await lab.clock.advance(60 * SECOND);
  const tcp = (internalPort: number) => ({ protocol: "tcp", internalPort }) as const;
  assertEquals([80, 22, 443, 1].map((port) => book.isAlive(tcp(port))), [true, false, false, false]);
  assertEquals([80, 22, 443, 1].map((port) => book.leftMs(tcp(port))), [
    7140 * SECOND,
    0,
    7140 * SECOND,
    undefined,
  ]);
});

Deno.test("LeaseBook takes nothing for alive that was granted before the gateway lost its state", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith({ leases: [known(80)] })], runs: [] });
  const { book, mapper } = await lab.open();
  assertEquals([book.isLost, book.isAlive(TCP_80)], [false, true]);
  mapper.loseState();
  assertEquals([book.isLost, book.isAlive(TCP_80), book.leaseOf(TCP_80)], [true, false, known(80)]);
});

Deno.test("LeaseBook turns a lease of an earlier command into one of its own clock", async () => {
  const lab = new Lab();
  lab.set({
    links: [
      linkWith({ leases: [known(80, { externalPort: 40_001, config: "/etc/natpmp.json", isUntold: true })] }),
    ],
    runs: [],
  });
  await lab.clock.advance(HOUR / 2);
  const { book } = await lab.open();
  assertEquals(book.asLease(book.leaseOf(TCP_80)!), {
    ...TCP_80,
    requestedExternalPort: 80,
    externalPort: 40_001,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 7200,
    grantedAtMs: 0,
    renewAtMs: HOUR,
    expiresAtMs: 2 * HOUR,
    attempts: 0,
    elapsedMs: 0,
  });
});

// ---- what the client goes on from ----

const REMEMBERED = {
  memory: { data: { losses: 3 }, at: { wallMs: START, uptimeMs: 1_000_000, boot: "first" } },
  leases: [known(80)],
};

Deno.test("LeaseBook lets the client go on from what an earlier one remembered, however long ago that was", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith(REMEMBERED)], runs: [] });
  await lab.clock.advance(HOUR);
  const { mapper } = await lab.open();
  assertEquals(mapper.recalled, [{ data: { losses: 3 }, atMs: 0 }]);
});

Deno.test("LeaseBook measures what was remembered by the uptime where the calendar was set, and by nothing where nobody knows", async () => {
  for (const byMs of [-365 * 24 * HOUR, 24 * HOUR]) {
    const lab = new Lab();
    lab.set({ links: [linkWith(REMEMBERED)], runs: [] });
    await lab.clock.advance(HOUR);
    lab.home.setCalendar(byMs);
    assertEquals((await lab.open()).mapper.recalled[0]?.atMs, 0);
  }
  const lab = new Lab();
  lab.set({ links: [linkWith(REMEMBERED)], runs: [] });
  await lab.clock.advance(HOUR);
  lab.home.setCalendar(-24 * HOUR);
  lab.home.boot = "second";
  assertEquals((await lab.open()).mapper.recalled[0]?.atMs, HOUR);
});

Deno.test("LeaseBook recalls nothing where nothing was held, so that nothing seems lost", async () => {
  for (const link of [{ memory: REMEMBERED.memory }, { leases: [known(80)] }]) {
    const lab = new Lab();
    lab.set({ links: [linkWith(link)], runs: [] });
    assertEquals((await lab.open()).mapper.recalled, []);
  }
});

// ---- what it leaves ----

Deno.test("LeaseBook.save() leaves what was granted, when that can have begun at the earliest, and what the client remembers", async () => {
  const lab = new Lab();
  const { book, mapper, lease } = await lab.open();
  await lab.clock.advance(5 * SECOND);
  const granted = await lease(80);
  mapper.hear(7);
  await lab.clock.advance(3 * SECOND);
  await book.save({ leases: [granted], externalAddress: "203.0.113.7", config: "/etc/natpmp.json" });
  const atFive = { wallMs: START + 5 * SECOND, uptimeMs: 1_005_000, boot: "first" };
  assertEquals(lab.home.state, {
    links: [linkWith({
      externalAddress: "203.0.113.7",
      memory: { data: { losses: 7 }, at: atFive },
      leases: [
        leaseOf(80, { externalAddress: "203.0.113.7", config: "/etc/natpmp.json", granted: atFive }),
      ],
    })],
    runs: [],
  });
});

Deno.test("LeaseBook.save() keeps what it does not know better: the address, the memory, whose configuration a lease is", async () => {
  const lab = new Lab();
  const link = {
    externalAddress: "203.0.113.7",
    ...REMEMBERED,
    leases: [known(80, { config: "/etc/a.json" })],
  };
  lab.set({ links: [linkWith(link)], runs: [runOf()] });
  const { book, lease } = await lab.open();
  await book.save({ leases: [await lease(80)] });
  assertEquals(lab.home.state, { links: [linkWith(link)], runs: [runOf()] });
});

Deno.test("LeaseBook.save() notes whom nobody could be told of, and that somebody was", async () => {
  const lab = new Lab();
  const { book, lease } = await lab.open();
  const leases = [await lease(80), await lease(22)];
  await book.save({ leases, untold: [TCP_80] });
  assertEquals(lab.leases.map(({ isUntold = false }) => isUntold), [true, false]);
  await book.save({ leases });
  assertEquals(lab.leases.map(({ isUntold = false }) => isUntold), [false, false]);
});

Deno.test("LeaseBook.save() drops what was deleted, of one mapping or of a protocol", async () => {
  for (
    const [deleted, left] of [
      [TCP_80, ["80", "22"]],
      [{ protocol: "udp", internalPort: 0 }, ["80", "22"]],
      [{ protocol: "tcp", internalPort: 0 }, ["80"]],
    ] as const
  ) {
    const lab = new Lab();
    lab.set({
      links: [linkWith({ leases: [known(80), known(80, { protocol: "udp" }), known(22)] })],
      runs: [],
    });
    const { book } = await lab.open();
    book.noteDeletion(deleted);
    await book.save({});
    assertEquals(lab.ports, [...left]);
  }
});

Deno.test("LeaseBook.save() has a lease that was granted after its deletion", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith({ leases: [known(80)] })], runs: [] });
  const { book, lease } = await lab.open();
  book.noteDeletion(TCP_80);
  await book.save({ leases: [await lease(80)] });
  assertEquals(lab.ports, ["80"]);
});

Deno.test("LeaseBook.save() after a deletion leaves the keeper's claim alone, who will map it again", async () => {
  const lab = new Lab();
  const keepers = [{ lock: lab.home.keeperLock(1), mappings: [TCP_80] }];
  lab.set({ links: [linkWith({ leases: [known(80)], keepers })], runs: [] });
  const { book } = await lab.open();
  book.noteDeletion(TCP_80);
  await book.save({});
  assertEquals([lab.ports, linkOf(lab.home.state, LINK).keepers], [[], keepers]);
});

Deno.test("LeaseBook.save() serves a configuration here, and no more where it was before", async () => {
  const lab = new Lab();
  const config = "/etc/natpmp.json";
  lab.set({
    links: [
      linkWith({ localAddress: "10.0.0.3", leases: [known(80, { config }), known(22)] }),
      linkWith({ host: "laptop", leases: [known(80, { config })] }),
    ],
    runs: [],
  });
  const { book, lease } = await lab.open();
  await book.save({ leases: [await lease(80)], config });
  const ports = lab.home.state.links.map(({ leases }) => leases.map(({ internalPort }) => internalPort));
  assertEquals(ports, [[22], [80], [80]]);
});

Deno.test("LeaseBook.save() makes further changes in the same stroke", async () => {
  const lab = new Lab();
  const { book, lease } = await lab.open();
  await book.save({ leases: [await lease(80)] }, (state) => ({ ...state, runs: [runOf()] }));
  assertEquals([lab.ports, lab.home.state.runs, lab.home.files.written.length], [["80"], [runOf()], 1]);
});

Deno.test("LeaseBook.save() of two at a time loses nothing", async () => {
  const lab = new Lab();
  const books = await Promise.all(Array.from({ length: 10 }, () => lab.open()));
  const saving = Promise.all(
    books.map(async ({ book, lease }, i) => book.save({ leases: [await lease(i + 1)] })),
  );
  await lab.clock.runUntil(saving);
  assertEquals(lab.ports.toSorted(), Array.from({ length: 10 }, (_, i) => `${i + 1}`).toSorted());
});

// ---- what the gateway has forgotten ----

Deno.test("LeaseBook.save() marks as lost what was granted before the loss, by whomever, and not what was granted since", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith({ ...REMEMBERED, leases: [known(80), known(22)] })], runs: [] });
  const { book, mapper, lease } = await lab.open();
  await lab.clock.advance(10 * SECOND);
  const before = await lease(443);
  mapper.hear(4);
  mapper.loseState();
  const after = await lease(80);
  await book.save({ leases: [before, after] });
  assertEquals(lab.ports, ["80", "(22)", "(443)"]);
});

Deno.test("LeaseBook.save() does not mark what another process was granted after the loss was found here", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith(REMEMBERED)], runs: [] });
  const { book, mapper } = await lab.open();
  mapper.hear(4);
  mapper.loseState();
  await lab.clock.advance(SECOND);
  lab.set(withLink(lab.home.state, LINK, (link) => ({
    ...link,
    leases: [...link.leases, known(443, { granted: lab.home.now() })],
  })));
  await book.save({});
  assertEquals(lab.ports, ["(80)", "443"]);
});

Deno.test("LeaseBook.save(): of many who find the same loss at a time, none takes the others' new leases for lost", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith({ ...REMEMBERED, leases: [known(9)] })], runs: [] });
  await lab.clock.advance(SECOND);
  // All are started before the first one has its turn at the gateway.
  const books = await Promise.all(Array.from({ length: 5 }, () => lab.open()));
  for (const [i, { book, mapper, lease }] of books.entries()) {
    mapper.hear(4);
    mapper.loseState();
    const granted = await lease(i + 1);
    await lab.clock.advance(100);
    await book.save({ leases: [granted] });
  }
  assertEquals(lab.ports, ["(9)", "1", "2", "3", "4", "5"]);
});

Deno.test("LeaseBook.save() marks what another process was granted between this one's start and the loss", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith(REMEMBERED)], runs: [] });
  const [first, second] = [await lab.open(), await lab.open()];
  second.mapper.hear(3);
  await second.book.save({ leases: [await second.lease(443)] });
  await lab.clock.advance(SECOND);
  first.mapper.hear(4);
  first.mapper.loseState();
  await first.book.save({ leases: [await first.lease(22)] });
  assertEquals(lab.ports, ["(80)", "(443)", "22"]);
});

Deno.test("LeaseBook.save() marks a lease as found again once it is granted again", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith({ leases: [known(80, { isLost: true })] })], runs: [] });
  const { book, lease } = await lab.open();
  await book.save({ leases: [await lease(80)] });
  assertEquals(lab.ports, ["80"]);
});

// ---- bad weather ----

const NO_SPACE = new Error("No space left on device (os error 28): open '/state/natpmp/leases.json.new'");

Deno.test("LeaseBook says once that nothing can be written, and again when it could be meanwhile or the reason changes", async () => {
  const lab = new Lab();
  const { book, lease } = await lab.open();
  const leases = [await lease(80)];
  const { files } = lab.home;
  const text = (reason: string) => `Cannot write the state file /state/natpmp/leases.json: ${reason}`;
  files.writeFailure = NO_SPACE;
  for (let i = 0; i < 3; i++) await book.save({ leases });
  assertEquals(lab.warnings, [text("No space left on device (os error 28)")]);
  files.writeFailure = new Error("Read-only file system");
  for (let i = 0; i < 2; i++) await book.save({ leases });
  assertEquals(lab.warnings.slice(1), [text("Read-only file system")]);
  files.writeFailure = undefined;
  await book.save({ leases });
  files.writeFailure = NO_SPACE;
  await book.save({ leases });
  assertEquals(lab.warnings.slice(2), [text("No space left on device (os error 28)")]);
});

Deno.test("LeaseBook says once that nothing can be read, and knows nothing then", async () => {
  const lab = new Lab();
  lab.set({ links: [linkWith(REMEMBERED)], runs: [] });
  lab.home.files.readFailure = new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  const { book, mapper, lease } = await lab.open();
  for (let i = 0; i < 2; i++) await book.save({ leases: [await lease(80)] });
  assertEquals([book.known.leases, mapper.recalled, lab.home.files.written], [[], [], []]);
  assertEquals(lab.warnings, [
    "Cannot read the state file /state/natpmp/leases.json: Permission denied (os error 13)",
  ]);
});

Deno.test("LeaseBook that cannot read does not say that it cannot write either, until it could", async () => {
  const lab = new Lab();
  const { files } = lab.home;
  files.readFailure = new Error("Not a directory (os error 20)");
  files.directoryFailure = new Error("File exists (os error 17)");
  const { book } = await lab.open();
  await book.save({});
  assertEquals(lab.warnings, [
    "Cannot read the state file /state/natpmp/leases.json: Not a directory (os error 20)",
  ]);
  files.readFailure = files.directoryFailure = undefined;
  await book.save({});
  files.writeFailure = NO_SPACE;
  await book.save({});
  assertEquals(lab.warnings.length, 2);
});

Deno.test("LeaseBook passes on what is not about the file", async () => {
  const lab = new Lab();
  const { book } = await lab.open();
  const defect = new TypeError("a defect");
  const thrown = await book.save({}, () => {
    throw defect;
  }).catch((error) => error);
  assertEquals([thrown === defect, lab.warnings, lab.home.files.written], [true, [], []]);
});
