import { assert, assertEquals, assertFalse } from "@std/assert";
import type { Examination } from "../../../lib/cli/doctor/examination.ts";
import { reportLines } from "../../../lib/cli/doctor/report.ts";
import { NoGatewayError, SocketError } from "../../../lib/errors.ts";
import type { SocketBinding } from "../../../lib/gateway/mod.ts";
import { ANSWER, CHOSEN, REFUSED, SILENCE, SOUND } from "./samples.ts";

/** The lines of one section; `undefined` where there is no such section. */
function sectionOf(title: string, change: Partial<Examination> = {}): string[] | undefined {
  const lines = reportLines({ ...SOUND, ...change }, []);
  const start = lines.indexOf(title);
  if (start < 0) return undefined;
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("  "));
  return lines.slice(start + 1, end < 0 ? undefined : end).map((line) => line.slice(2));
}

Deno.test("reportLines() has its sections in the order of the search, and those that were tried only", () => {
  const titles = (examination: Examination) =>
    reportLines(examination, []).filter((line) => !line.startsWith(" "));
  assertEquals(titles(SOUND), ["Interfaces", "Router", "Answer", "Announcements", "Test mapping", "Advice"]);
  const { address: _, announcements: _announcements, testMapping: _testMapping, via: _via, ...rest } = {
    ...SOUND,
    protocols: [],
  };
  assertEquals(titles(rest), ["Interfaces", "Router", "Answer", "Advice"]);
  const more = {
    ports: [{ protocol: "tcp", internalPort: 80, state: "free", how: "it could be bound" }],
    trace: [{ elapsedMs: 0, text: "+0 ms -> 10.0.0.1:5351" }],
  } as const;
  assertEquals(titles({ ...SOUND, ...more }).slice(-3), ["Internal ports", "Datagrams", "Advice"]);
});

Deno.test("reportLines() lists each address with its prefix, and says where there are none", () => {
  assertEquals(sectionOf("Interfaces"), ["eth0 10.0.0.2/24", "eth0 fe80::2"]);
  assertEquals(sectionOf("Interfaces", { interfaces: [] }), ["none, or unknown"]);
});

Deno.test("reportLines() tells the gateway, why that one, and from where it is asked", () => {
  assertEquals(sectionOf("Router"), [
    "10.0.0.1, default route through eth0",
    "asked from 10.0.0.2 on eth0, a private address (RFC 1918)",
  ]);
  const gateway = { value: { ...CHOSEN, localAddress: "100.64.0.2" } };
  assertEquals(
    sectionOf("Router", { gateway })?.[1],
    "asked from 100.64.0.2 on eth0, a shared address, not a private one (RFC 1918)",
  );
});

Deno.test("reportLines() tells the interface that the socket is bound to, and where the route leads", () => {
  const bound = (binding: SocketBinding) =>
    sectionOf("Router", { gateway: { value: { ...CHOSEN, binding } } })?.[2];
  assertEquals(
    bound({ interfaceName: "wg0", routeInterface: "eth0" }),
    "bound to wg0: the route leads through eth0",
  );
  assertEquals(bound({ interfaceName: "wg0" }), "bound to wg0: no known route leads to the router");
});

Deno.test("reportLines() tells every candidate that was not taken, and the chosen one once", () => {
  const candidate = {
    interfaceName: "eth0",
    gateway: "10.0.0.1",
    guessed: false,
    chosen: true,
    reason: "default route",
  };
  const other = {
    ...candidate,
    interfaceName: "wlan0",
    gateway: "10.0.1.1",
    chosen: false,
    reason: "a higher metric",
  };
  const { gateway: _, ...nameless } = { ...other, reason: "no next hop" };
  assertEquals(sectionOf("Router", { candidates: { value: [candidate, other, nameless] } })?.slice(2), [
    "not chosen: 10.0.1.1, a higher metric",
    "not chosen: no next hop",
  ]);
});

Deno.test("reportLines() tells why there is no gateway, once, and what was not taken", () => {
  const none = { error: new NoGatewayError("There is no default gateway") };
  const { address: _, via: _via, ...rest } = SOUND;
  const lines = reportLines({ ...rest, protocols: [], gateway: none, candidates: none }, []);
  assertEquals(lines.filter((line) => line.includes("There is no default gateway")), [
    "  none: There is no default gateway",
  ]);
  assertEquals(lines[lines.indexOf("Answer") + 1], "  natpmp asked no router");
});

Deno.test("reportLines() tells the signs of a container", () => {
  const container = { isLikely: true, isBehindBridge: false, signs: ["/.dockerenv", "control group docker"] };
  assertEquals(
    sectionOf("Router", { container })?.at(-1),
    "this looks like a container: /.dockerenv, control group docker",
  );
});

Deno.test("reportLines() tells what answered, how fast, and for how long it has been up", () => {
  assertEquals(sectionOf("Answer"), [
    "NAT-PMP: answered in 2 ms (attempts: 1), up for 20 h 42 min by its epoch",
    "external address 11.22.33.44, public",
  ]);
  const { value: { externalAddress: _, ...value } } = ANSWER;
  const protocols = [{ via: "pcp", answer: { value } }, { via: "nat-pmp", answer: ANSWER }] as const;
  assertEquals(sectionOf("Answer", { protocols, via: "pcp" }), [
    "PCP: answered in 2 ms (attempts: 1), up for 20 h 42 min by its epoch",
    "NAT-PMP: answered in 2 ms (attempts: 1), up for 20 h 42 min by its epoch",
    "external address 11.22.33.44, public",
    "natpmp uses PCP",
  ]);
});

Deno.test("reportLines() tells a failure by its cause and cost, a silence's cost once", () => {
  const failed = (error: Error) => ({
    protocols: [{ via: "nat-pmp", answer: { error } }] as const,
    address: { error },
  });
  assertEquals(sectionOf("Answer", failed(REFUSED)), [
    "NAT-PMP: The gateway is not allowed, after 251.3 ms (attempts: 2)",
  ]);
  assertEquals(sectionOf("Answer", failed(SILENCE)), ["NAT-PMP: 10.0.0.1:5351 did not answer"]);
});

Deno.test("reportLines() tells whether announcements can be heard", () => {
  assertEquals(sectionOf("Announcements"), ["port 5350 can be shared"]);
  const announcements = { error: new SocketError("It is taken") };
  assertEquals(sectionOf("Announcements", { announcements }), ["port 5350 cannot be shared: It is taken"]);
});

Deno.test("reportLines() tells the test mapping and its deletion, or what kept it", () => {
  const granted = "udp 11.22.33.44:40000 -> 40000, 60 s, granted in 3.2 ms";
  assertEquals(sectionOf("Test mapping"), [granted, "deleted"]);
  assert(SOUND.testMapping !== undefined && "value" in SOUND.testMapping);
  const stays = { value: { ...SOUND.testMapping.value, deletion: { error: SILENCE } } };
  assertEquals(sectionOf("Test mapping", { testMapping: stays }), [
    granted,
    "not deleted: 10.0.0.1:5351 did not answer",
  ]);
  assertEquals(sectionOf("Test mapping", { testMapping: { error: SILENCE } }), [
    "10.0.0.1:5351 did not answer",
  ]);
});

Deno.test("reportLines() tells the test mapping without an address where the gateway tells none", () => {
  assertEquals(
    sectionOf("Test mapping", { address: { error: REFUSED } })?.[0],
    "udp 40000 -> 40000, 60 s, granted in 3.2 ms",
  );
});

for (
  const [state, words] of [
    ["taken", "a program uses it"],
    ["elsewhere", "a program uses it, but not on this address"],
    ["free", "nothing listens"],
    ["unknown", "unknown"],
  ] as const
) {
  Deno.test(`reportLines() tells an internal port that is ${state}, and how that was found out`, () => {
    const ports = [{ protocol: "tcp", internalPort: 80, state, how: "as it is" }] as const;
    assertEquals(sectionOf("Internal ports", { ports }), [`tcp 80: ${words} (as it is)`]);
  });
}

Deno.test("reportLines() advises for each finding in its order, and says where there is nothing to do", () => {
  assertEquals(sectionOf("Advice"), ["Nothing to do: this router opens ports"]);
  const lines = reportLines(SOUND, [{ kind: "announcements-unheard" }, { kind: "no-gateway" }]);
  const advice = lines.slice(lines.indexOf("Advice") + 1);
  assertEquals(advice.length, 2);
  assert(advice[1]!.includes("--gateway"));
  assertFalse(advice.some((line) => line.includes("Nothing to be done")));
});
