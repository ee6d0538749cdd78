import { assertEquals, assertFalse } from "@std/assert";
import type { KnownLease } from "../../../lib/cli/status/known_leases.ts";
import { statusFields, statusLines } from "../../../lib/cli/status/status_report.ts";
import { leaseOf, recordWith } from "../../support/state_samples.ts";

const NOW = { wallMs: Date.UTC(2026, 0, 1) };

function known(different: Partial<KnownLease> = {}): KnownLease {
  return {
    record: recordWith(),
    lease: leaseOf(80, { externalPort: 8080, granted: NOW }),
    config: undefined,
    status: "held",
    leftMs: 90_000,
    keeper: undefined,
    ...different,
  };
}

Deno.test("statusLines() says that there is nothing, instead of an empty table", () => {
  assertEquals(statusLines([]), ["No leases"]);
});

Deno.test("statusLines() gives a time only to what lives, and a dash to what is not known", () => {
  assertEquals(
    statusLines([
      known(),
      known({ status: "expired", leftMs: -1, keeper: "natpmp watch, process 7" }),
      known({ status: "unknown", leftMs: undefined }),
    ], [{ protocol: "udp", internalPort: 53 }]),
    [
      "MAPPING  EXTERNAL  TIME LEFT  STATUS   VIA      ROUTER    KEPT BY",
      "tcp 80   8080      0:01:30    alive    nat-pmp  10.0.0.1  -",
      "tcp 80   8080      -          expired  nat-pmp  10.0.0.1  natpmp watch, process 7",
      "tcp 80   8080      -          unknown  nat-pmp  10.0.0.1  -",
      "udp 53   -         -          missing  -        -         -",
    ],
  );
});

Deno.test("statusFields() leaves out what is not known, and counts the end from now", () => {
  const fields = statusFields(known({ leftMs: 90_999 }), NOW);
  assertEquals([fields.expiresAt, fields.secondsLeft], ["2026-01-01T00:01:30Z", 90]);
  const unknown = statusFields(known({ status: "unknown", leftMs: undefined }), NOW);
  for (const field of ["expiresAt", "secondsLeft", "externalAddress"]) {
    assertFalse(JSON.stringify(unknown).includes(field));
  }
  assertEquals(statusFields(known({ status: "expired", leftMs: -5000 }), NOW).secondsLeft, 0);
});
