import { assertEquals } from "@std/assert";
import { type Heard, type Move, nextMove } from "../lib/protocol_choice.ts";

const HEARD: Heard = { elapsedMs: 0, pcp: "pending", natPmp: "unasked", upnp: "none" };

const CASES: readonly (readonly [what: string, heard: Partial<Heard>, move: Move])[] = [
  ["nothing yet", {}, { kind: "wait", untilMs: 100 }],
  ["nothing for 99 ms", { elapsedMs: 99 }, { kind: "wait", untilMs: 100 }],
  ["nothing for 100 ms", { elapsedMs: 100 }, { kind: "ask-nat-pmp" }],
  ["nothing to either", { elapsedMs: 5000, natPmp: "pending" }, { kind: "wait", untilMs: Infinity }],
  ["PCP's answer at once", { pcp: "answered" }, { kind: "take-pcp" }],
  [
    "PCP's answer while NAT-PMP is asked",
    { elapsedMs: 120, pcp: "answered", natPmp: "pending" },
    { kind: "take-pcp" },
  ],
  [
    "both answers at a time",
    { elapsedMs: 249, pcp: "answered", natPmp: "answered" },
    { kind: "take-pcp" },
  ],
  ["a version error", { elapsedMs: 2, pcp: "unsuitable" }, { kind: "use-nat-pmp" }],
  [
    "a version error that is slow, with NAT-PMP's answer",
    { elapsedMs: 240, pcp: "unsuitable", natPmp: "answered" },
    { kind: "use-nat-pmp" },
  ],
  [
    "NAT-PMP's answer from a gateway that may still answer PCP",
    { elapsedMs: 101, natPmp: "answered" },
    { kind: "wait", untilMs: 250 },
  ],
  [
    "NAT-PMP's answer from a gateway that drops version 2",
    { elapsedMs: 250, natPmp: "answered" },
    { kind: "use-nat-pmp" },
  ],
  [
    "NAT-PMP's late answer",
    { elapsedMs: 3000, natPmp: "answered" },
    { kind: "use-nat-pmp" },
  ],
  ["ICMP at once", { elapsedMs: 1, pcp: "closed" }, { kind: "give-up" }],
  ["ICMP to the question", { elapsedMs: 101, natPmp: "closed" }, { kind: "give-up" }],
  [
    "ICMP to PCP while NAT-PMP is asked",
    { elapsedMs: 101, pcp: "closed", natPmp: "pending" },
    { kind: "give-up" },
  ],
  [
    "silence to the end of PCP, while NAT-PMP is asked",
    { elapsedMs: 7000, pcp: "silent", natPmp: "pending" },
    { kind: "wait", untilMs: Infinity },
  ],
  [
    "silence to the end of both",
    { elapsedMs: 7750, pcp: "silent", natPmp: "silent" },
    { kind: "give-up" },
  ],
  ["silence to a request that was short", { elapsedMs: 50, pcp: "silent" }, { kind: "give-up" }],
  [
    "NAT-PMP's answer when PCP's time is over",
    { elapsedMs: 200, pcp: "silent", natPmp: "answered" },
    { kind: "use-nat-pmp" },
  ],
  [
    "silence to NAT-PMP while PCP is still waited for",
    { elapsedMs: 7700, natPmp: "silent" },
    { kind: "wait", untilMs: Infinity },
  ],
];

for (const [what, heard, move] of CASES) {
  Deno.test(`nextMove() after ${what}`, () => assertEquals(nextMove({ ...HEARD, ...heard }), move));
}

const WITH_UPNP: readonly (readonly [what: string, heard: Partial<Heard>, move: Move])[] = [
  ["nothing for 99 ms", { elapsedMs: 99, upnp: "unasked" }, { kind: "wait", untilMs: 100 }],
  ["nothing for 100 ms", { elapsedMs: 100, upnp: "unasked" }, { kind: "ask-nat-pmp" }],
  ["the question", { elapsedMs: 100, natPmp: "pending", upnp: "unasked" }, { kind: "search-upnp" }],
  ["PCP's answer", { elapsedMs: 150, pcp: "answered", natPmp: "pending", upnp: "found" }, {
    kind: "take-pcp",
  }],
  ["a version error", { elapsedMs: 2, pcp: "unsuitable", upnp: "unasked" }, { kind: "use-nat-pmp" }],
  [
    "NAT-PMP's answer while the search goes on",
    { elapsedMs: 260, natPmp: "answered", upnp: "searching" },
    { kind: "use-nat-pmp" },
  ],
  ["ICMP at once", { elapsedMs: 1, pcp: "closed", upnp: "unasked" }, { kind: "search-upnp" }],
  ["ICMP while the search goes on", { elapsedMs: 150, natPmp: "closed", upnp: "searching" }, {
    kind: "wait",
    untilMs: Infinity,
  }],
  ["ICMP and a router", { elapsedMs: 20, pcp: "closed", upnp: "found" }, { kind: "use-upnp" }],
  ["ICMP and no router", { elapsedMs: 2001, pcp: "closed", upnp: "none" }, { kind: "give-up" }],
  [
    "a router before port 5351 was silent for 300 ms",
    { elapsedMs: 150, natPmp: "pending", upnp: "found" },
    { kind: "wait", untilMs: 300 },
  ],
  ["a router, and silence for 300 ms", { elapsedMs: 300, natPmp: "pending", upnp: "found" }, {
    kind: "use-upnp",
  }],
  ["a late router", { elapsedMs: 1900, natPmp: "pending", upnp: "found" }, { kind: "use-upnp" }],
  ["no router, and silence so far", { elapsedMs: 2200, natPmp: "pending", upnp: "none" }, {
    kind: "wait",
    untilMs: Infinity,
  }],
  ["silence to the end while the search goes on", {
    elapsedMs: 1000,
    pcp: "silent",
    natPmp: "silent",
    upnp: "searching",
  }, { kind: "wait", untilMs: Infinity }],
  ["silence to the end, and a router", { elapsedMs: 1000, pcp: "silent", natPmp: "silent", upnp: "found" }, {
    kind: "use-upnp",
  }],
  ["silence to the end everywhere", { elapsedMs: 7750, pcp: "silent", natPmp: "silent", upnp: "none" }, {
    kind: "give-up",
  }],
  ["silence to a request that was short", { elapsedMs: 50, pcp: "silent", upnp: "unasked" }, {
    kind: "give-up",
  }],
];

for (const [what, heard, move] of WITH_UPNP) {
  Deno.test(`nextMove(), where UPnP may be spoken, after ${what}`, () => {
    assertEquals(nextMove({ ...HEARD, ...heard }), move);
  });
}
