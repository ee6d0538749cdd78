import { assertEquals } from "@std/assert";
import type { HeldLease } from "../../../lib/cli/status/known_leases.ts";
import { statusFields, statusLines } from "../../../lib/cli/status/status_report.ts";

const NOW = { wallMs: Date.UTC(2026, 0, 1) };

function held(different: Partial<HeldLease> = {}): HeldLease {
  const lease = {
    protocol: "tcp",
    internalPort: 80,
    externalPort: 8080,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 7200,
    granted: NOW,
  } as const;
  const link = { host: "box", gateway: "10.0.0.1", port: 5351, leases: [lease], keepers: [] };
  return { link, lease, standing: "alive", leftMs: 90_000, ...different };
}

Deno.test("statusLines() says that there is nothing, instead of an empty table", () => {
  assertEquals(statusLines([]), ["No leases"]);
});

Deno.test("statusLines() gives a time only to what lives, and a dash to what is not known", () => {
  assertEquals(
    statusLines([
      held(),
      held({ standing: "expired", leftMs: -1, keeper: "natpmp watch, process 7" }),
      held({ standing: "unknown", leftMs: undefined }),
    ], [{ protocol: "udp", internalPort: 53 }]),
    [
      "MAPPING  EXTERNAL  TIME LEFT  STATUS   GATEWAY   KEPT BY",
      "tcp 80   8080      0:01:30    alive    10.0.0.1  -",
      "tcp 80   8080      -          expired  10.0.0.1  natpmp watch, process 7",
      "tcp 80   8080      -          unknown  10.0.0.1  -",
      "udp 53   -         -          missing  -         -",
    ],
  );
});

Deno.test("statusFields() leaves out what is not known, and counts the end from now", () => {
  const fields = statusFields(held({ leftMs: 90_999 }), NOW);
  assertEquals([fields.expiresAt, fields.secondsLeft], ["2026-01-01T00:01:30Z", 90]);
  const unknown = statusFields(held({ standing: "unknown", leftMs: undefined }), NOW);
  assertEquals(["expiresAt" in unknown, "secondsLeft" in unknown, "externalAddress" in unknown], [
    false,
    false,
    false,
  ]);
  assertEquals(statusFields(held({ standing: "expired", leftMs: -5000 }), NOW).secondsLeft, 0);
});
