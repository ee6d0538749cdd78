import { assert, assertEquals } from "@std/assert";
import type { Examination } from "../../../lib/cli/doctor/examination.ts";
import type { Finding } from "../../../lib/cli/doctor/findings.ts";
import { reportFields } from "../../../lib/cli/doctor/json.ts";
import { NoGatewayError, SocketError } from "../../../lib/errors.ts";
import { CHOSEN, REFUSED, SILENCE, SOUND } from "./samples.ts";

function fieldsOf(
  change: Partial<Examination> = {},
  findings: readonly Finding[] = [],
): Record<string, unknown> {
  return JSON.parse(JSON.stringify(reportFields({ ...SOUND, ...change }, findings)));
}

function hasNull(value: unknown): boolean {
  if (value === null) return true;
  return typeof value === "object" && Object.values(value).some(hasNull);
}

const NO_GATEWAY = { error: new NoGatewayError("There is none") };

Deno.test("reportFields() tells the gateway, from where it is asked, and what it answered", () => {
  const { interfaces: _, testMapping: _testMapping, ...fields } = fieldsOf();
  assertEquals(fields, {
    gateway: "10.0.0.1",
    port: 5351,
    interface: "eth0",
    localAddress: "10.0.0.2",
    localAddressClass: "private",
    reason: "default route through eth0",
    guessed: false,
    overrulesTable: false,
    candidates: [],
    container: { isLikely: false, isBehindBridge: false, signs: [] },
    via: "nat-pmp",
    protocols: [{ via: "nat-pmp", epochSeconds: 74_565, attempts: 1, elapsedMs: 2 }],
    externalAddress: "11.22.33.44",
    externalAddressClass: "public",
    epochSeconds: 74_565,
    attempts: 1,
    elapsedMs: 2,
    announcements: { canShare: true },
    ports: [],
    datagrams: [],
    advice: [],
  });
});

Deno.test("reportFields() has interfaces with the prefix of IPv4 addresses", () => {
  assertEquals(fieldsOf().interfaces, [
    { name: "eth0", family: "IPv4", address: "10.0.0.2", prefixLength: 24 },
    { name: "eth0", family: "IPv6", address: "fe80::2" },
  ]);
});

Deno.test("reportFields() leaves out what was not tried, and prints no null", () => {
  const { address: _, announcements: _announcements, testMapping: _testMapping, via: _via, ...rest } = SOUND;
  const fields = reportFields({ ...rest, protocols: [], gateway: NO_GATEWAY, candidates: NO_GATEWAY }, []);
  assertEquals(Object.keys(fields).sort(), [
    "advice",
    "container",
    "datagrams",
    "error",
    "interfaces",
    "ports",
  ]);
  assertEquals(hasNull(JSON.parse(JSON.stringify(fields))), false);
});

Deno.test("reportFields() leaves out a local address and epoch that are unknown", () => {
  const { localAddress: _, interfaceName: _interfaceName, ...chosen } = CHOSEN;
  const address = { value: { externalAddress: "11.22.33.44", attempts: 1, elapsedMs: 1 } };
  const fields = fieldsOf({ gateway: { value: chosen }, address });
  for (const name of ["localAddress", "localAddressClass", "interface", "epochSeconds"]) {
    assert(!(name in fields), name);
  }
});

Deno.test("reportFields() names each candidate's interface as all of the output does", () => {
  const candidate = {
    interfaceName: "wlan0",
    gateway: "10.0.1.1",
    metric: 600,
    guessed: false,
    chosen: false,
    reason: "r",
  };
  const { interfaceName, ...rest } = candidate;
  assertEquals(fieldsOf({ candidates: { value: [candidate] } }).candidates, [{
    interface: interfaceName,
    ...rest,
  }]);
});

Deno.test("reportFields() tells the error at the top that the other commands end with, once", () => {
  const { address: _, ...rest } = SOUND;
  assertEquals(
    (fieldsOf({ ...rest, address: { error: SILENCE } }).error as Finding & { kind: string }).kind,
    "timeout",
  );
  assertEquals((fieldsOf({ gateway: NO_GATEWAY }).error as { kind: string }).kind, "no-gateway");
  assertEquals("error" in fieldsOf(), false);
});

Deno.test("reportFields() tells what the test mapping was granted, and whether it is gone again", () => {
  const granted = {
    protocol: "udp",
    internalPort: 40_000,
    externalPort: 40_000,
    lifetimeSeconds: 60,
    attempts: 1,
    elapsedMs: 3.2,
  };
  assertEquals(fieldsOf().testMapping, { ...granted, deleted: true });
  assert(SOUND.testMapping !== undefined && "value" in SOUND.testMapping);
  const stays = fieldsOf({
    testMapping: { value: { ...SOUND.testMapping.value, deletion: { error: SILENCE } } },
  });
  const { error, ...mapping } = stays.testMapping as Record<string, unknown>;
  assertEquals(mapping, { ...granted, deleted: false });
  assertEquals((error as { kind: string }).kind, "timeout");
});

Deno.test("reportFields() tells the refusal of a test mapping with its result code", () => {
  const { testMapping } = fieldsOf({ testMapping: { error: REFUSED } }) as {
    testMapping: { error: Record<string, unknown> };
  };
  assertEquals(Object.keys(testMapping), ["error"]);
  assertEquals([testMapping.error.kind, testMapping.error.resultCode, testMapping.error.attempts], [
    "not-authorized",
    2,
    2,
  ]);
});

Deno.test("reportFields() tells that announcements cannot be heard, and why", () => {
  const { announcements } = fieldsOf({ announcements: { error: new SocketError("It is taken") } });
  assertEquals(announcements, { canShare: false, error: { kind: "failure", message: "It is taken" } });
});

Deno.test("reportFields() has each datagram with its time as a number, not in its text", () => {
  const trace = [{ elapsedMs: 250.26, text: "+250.3 ms -> 10.0.0.1:5351 address request" }];
  assertEquals(fieldsOf({ trace }).datagrams, [{
    elapsedMs: 250.3,
    text: "-> 10.0.0.1:5351 address request",
  }]);
});

Deno.test("reportFields() has each finding's numbers and its advice", () => {
  const { advice } = fieldsOf({}, [
    { kind: "test-mapping-stays", lifetimeSeconds: 60 },
    { kind: "failed", error: new Error("It broke") },
  ]);
  const [stays, failed] = advice as Record<string, unknown>[];
  assertEquals([stays?.finding, stays?.lifetimeSeconds], ["test-mapping-stays", 60]);
  assertEquals(failed, { finding: "failed", message: "It broke" });
});
