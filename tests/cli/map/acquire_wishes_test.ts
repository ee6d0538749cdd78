import { assertEquals, assertStrictEquals } from "@std/assert";
import { acquireWish, forEachWish, isLastWord } from "../../../lib/cli/map/acquire_wishes.ts";
import { Stopped } from "../../../lib/cli/world.ts";
import { BusyError, NotSupportedError, PortDiffersError, SocketError } from "../../../lib/errors.ts";
import type { AcquireOutcome } from "../../../lib/lease/acquire.ts";
import { NO_ANSWER, REFUSED } from "../../lease/fake_mapper.ts";
import { leaseOf } from "../../support/state_samples.ts";
import { MapLab } from "./map_lab.ts";

const MAPPING = { protocol: "tcp", internalPort: 80 } as const;
const PAIR = { protocols: ["tcp", "udp"], internalPort: 80, externalPort: 8080 } as const;
const MISS = new PortDiffersError("Another port", { requirement: "exact", wantedPort: 1, grantedPort: 2 });

Deno.test("isLastWord() of what every further question would be answered too", () => {
  const last = [
    NO_ANSWER,
    new NotSupportedError("None", "port-unreachable"),
    new SocketError("None"),
    new BusyError("Another"),
    new Stopped("SIGINT", 130),
  ];
  for (const error of last) assertEquals(isLastWord({ mapping: MAPPING, error }), true, error.message);
  for (const error of [REFUSED, MISS]) assertEquals(isLastWord({ mapping: MAPPING, error }), false);
  assertEquals(isLastWord({ mapping: MAPPING }), false);
});

const WISHES = [80, 443, 22].map((internalPort) => ({ protocols: ["tcp", "udp"] as const, internalPort }));

Deno.test("forEachWish() asks for one after the other, and has the outcomes in order", async () => {
  let under = 0;
  const outcomes = await forEachWish(WISHES, async ({ protocols, internalPort }) => {
    assertEquals(under++, 0);
    await Promise.resolve();
    under--;
    return protocols.map((protocol) => ({ mapping: { protocol, internalPort } }));
  });
  assertEquals(
    outcomes.map(({ mapping: { protocol, internalPort } }) => `${protocol} ${internalPort}`),
    ["tcp 80", "udp 80", "tcp 443", "udp 443", "tcp 22", "udp 22"],
  );
});

Deno.test("forEachWish() goes on after a refusal, and after the last word gives the rest the same without asking", async () => {
  const asked: number[] = [];
  const outcomes = await forEachWish(WISHES, ({ protocols, internalPort }) => {
    asked.push(internalPort);
    const error = internalPort === 80 ? REFUSED : NO_ANSWER;
    return Promise.resolve(protocols.map((protocol) => ({ mapping: { protocol, internalPort }, error })));
  });
  assertEquals(asked, [80, 443]);
  assertEquals(outcomes.length, 6);
  for (const [i, { error }] of outcomes.entries()) assertStrictEquals(error, i < 2 ? REFUSED : NO_ANSWER);
  assertEquals(outcomes.at(-1)!.mapping, { protocol: "udp", internalPort: 22 });
});

/** Whether each half was granted. */
function granted(outcomes: readonly AcquireOutcome[]): boolean[] {
  return outcomes.map((outcome) => "lease" in outcome);
}

Deno.test("acquireWish() without a book gives everything back that a wish was granted before it failed", async () => {
  const lab = new MapLab();
  lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 8080 : REFUSED;
  assertEquals(granted(await acquireWish(lab.context, lab.session, PAIR)), [false, false]);
  assertEquals(lab.mapper.calls, ["map tcp 80 at 8080", "map udp 80 at 8080", "unmap tcp 80"]);
});

/** A moment that has not come yet, in another run of the machine. */
const LATER = { wallMs: Date.UTC(2027, 0), uptimeMs: 1, boot: "another" };

/** What stands between a lease of the first half and its renewal. */
const BEFORE = [
  ["lives", {}, true],
  ["has expired", { lifetimeSeconds: 1 }, false],
  ["was lost by the gateway", { isLost: true }, false],
  ["may have lived, as the calendar was set and the machine started anew,", { granted: LATER }, true],
] as const;

for (const [what, change, isKept] of BEFORE) {
  Deno.test(`acquireWish() ${isKept ? "leaves" : "gives back"} the half of a failed pair that ${what} before`, async () => {
    const lab = new MapLab();
    const granted = lab.world.fakeStateHome.now();
    await lab.world.clock.advance(5000);
    const session = await lab.sessionWith({ leases: [leaseOf(80, { granted, ...change })] });
    lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 8080 : REFUSED;
    await acquireWish(lab.context, session, PAIR);
    assertEquals(lab.mapper.calls.includes("unmap tcp 80"), !isKept);
  });
}

Deno.test("acquireWish() gives back what lived before the gateway lost its state, which shows in the first answer", async () => {
  const lab = new MapLab();
  const session = await lab.sessionWith({
    leases: [leaseOf(80, { granted: lab.world.fakeStateHome.now() })],
  });
  lab.mapper.onMap = ({ protocol }) => {
    if (protocol === "udp") return REFUSED;
    lab.mapper.loseState();
    return 8080;
  };
  await acquireWish(lab.context, session, PAIR);
  assertEquals(lab.mapper.calls.at(-1), "unmap tcp 80");
});

Deno.test("acquireWish() gives nothing back after silence, as nobody knows what stands", async () => {
  const lab = new MapLab();
  lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 8080 : NO_ANSWER;
  assertEquals(granted(await acquireWish(lab.context, lab.session, PAIR)), [true, false]);
  assertEquals(lab.mapper.calls.includes("unmap tcp 80"), false);
});

Deno.test("acquireWish() warns of what could not be given back, and how long it stands", async () => {
  const lab = new MapLab();
  lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 8080 : REFUSED;
  lab.mapper.onUnmap = () => NO_ANSWER;
  await acquireWish(lab.context, lab.session, PAIR);
  assertEquals(
    lab.world.stderr.text,
    "natpmp: warning: External tcp port 8080 could not be released; it expires in 7200 s\n",
  );
});

Deno.test("acquireWish() notes each grant, so that a loss found before it does not count against it", async () => {
  const lab = new MapLab();
  const session = await lab.sessionWith({});
  lab.mapper.onMap = ({ externalPort }) => {
    lab.mapper.loseState();
    return externalPort!;
  };
  const [outcome] = await acquireWish(lab.context, session, { ...PAIR, protocols: ["tcp"] });
  await session.book.save({ leases: outcome !== undefined && "lease" in outcome ? [outcome.lease] : [] });
  const { links } = lab.world.fakeStateHome.state;
  assertEquals(links[0]!.leases.map(({ isLost }) => isLost), [undefined]);
});

Deno.test("acquireWish() ends with the command", async () => {
  const lab = new MapLab();
  lab.mapper.onMap = () => "silence";
  const asking = acquireWish(lab.context, lab.session, PAIR);
  await lab.world.clock.advance(1000);
  lab.world.stop("SIGTERM");
  const outcomes = await asking;
  for (const outcome of outcomes) assertEquals("error" in outcome && outcome.error instanceof Stopped, true);
  assertEquals(lab.mapper.calls, ["map tcp 80 at 8080"]);
});
