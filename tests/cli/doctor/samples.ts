/**
 * What `doctor` may have found out.
 *
 * @module
 */

import type { ChosenGateway, Examination } from "../../../lib/cli/doctor/examination.ts";
import { NoAnswerError, RefusedError } from "../../../lib/errors.ts";
import { leaseOf } from "../../support/leases.ts";

export const EFFORT = { attempts: 1, elapsedMs: 2.04 };

export const CHOSEN: ChosenGateway = {
  gateway: "10.0.0.1",
  port: 5351,
  localAddress: "10.0.0.2",
  interfaceName: "eth0",
  reason: "default route through eth0",
  guessed: false,
  overrulesTable: false,
};

export const ANSWER = { value: { externalAddress: "11.22.33.44", epochSeconds: 74_565, ...EFFORT } };

/** Everything is as it should be. */
export const SOUND: Examination = {
  interfaces: [
    { name: "eth0", family: "IPv4", address: "10.0.0.2", netmask: "255.255.255.0", mac: "02:00:00:00:00:02" },
    {
      name: "eth0",
      family: "IPv6",
      address: "fe80::2",
      netmask: "ffff:ffff:ffff:ffff::",
      mac: "02:00:00:00:00:02",
    },
  ],
  candidates: { value: [] },
  gateway: { value: CHOSEN },
  container: { isLikely: false, isBehindBridge: false, signs: [] },
  protocols: [{ via: "nat-pmp", answer: ANSWER }],
  via: "nat-pmp",
  address: ANSWER,
  announcements: { value: undefined },
  testMapping: {
    value: {
      lease: leaseOf({
        protocol: "udp",
        internalPort: 40_000,
        externalPort: 40_000,
        lifetimeSeconds: 60,
        elapsedMs: 3.16,
      }),
      deletion: { value: EFFORT },
    },
  },
  ports: [],
  trace: [],
};

export const SILENCE = new NoAnswerError("10.0.0.1:5351 did not answer", { attempts: 5, elapsedMs: 7750 }, {
  discarded: new Map(),
});
export const REFUSED = new RefusedError("The gateway is not allowed", "not-authorized", {
  resultCode: 2,
  effort: { attempts: 2, elapsedMs: 251.26 },
});
