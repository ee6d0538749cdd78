/** What users need and no table of the program has: README or manual have it, and the program does it. */

import { assertEquals, assertGreater, assertNotEquals, assertStringIncludes } from "@std/assert";
import { type ConfigKey, FILE_KEYS, MAPPING_KEYS } from "../../../lib/cli/config/config_keys.ts";
import { NoGatewayError } from "../../../lib/errors.ts";
import { failureError } from "../../../lib/gateway/failure.ts";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";
import { fencesOf, readDocuments } from "./documents.ts";

const DOCUMENTS = await readDocuments();

/** Everything, with lines that are wrapped as one. */
const WORDS = DOCUMENTS.map(({ text }) => text.replace(/\s+/g, " ")).join(" ");

/** The messages of failures, and the situation in which each is printed. */
const MESSAGES:
  readonly (readonly [exitCode: number, message: string, options: TestWorldOptions, args: string])[] = [
    [
      3,
      "Cannot find a gateway: this host has no default route",
      { noGateway: new NoGatewayError("Cannot find a gateway: this host has no default route") },
      "address",
    ],
    [
      3,
      "Cannot find a gateway: this host has an IPv6 network only, and NAT-PMP is for IPv4",
      { noGateway: failureError({ kind: "ipv6-only" }) },
      "address",
    ],
    [4, "10.0.0.1:5351 did not answer within 7.75 s (attempts: 5)", { faults: { silent: true } }, "address"],
    [
      4,
      "5 datagrams came that were no answer: a success with external port 0 (5)",
      { faults: { zeroPort: true } },
      "map 80",
    ],
    [5, "10.0.0.1 answered: not authorized or refused (result 2)", { faults: { refuse: true } }, "map 80"],
    [
      5,
      "10.0.0.1 refused to delete the mapping: not authorized or refused (result 2)",
      { faults: { refuse: true } },
      "unmap 80",
    ],
    [6, "10.0.0.1 answered: network failure (result 3)", { faults: { noAddress: true } }, "address"],
    [
      6,
      "10.0.0.1 has no external address (it answered 0.0.0.0)",
      { faults: { zeroAddress: true } },
      "address",
    ],
    [7, "10.0.0.1 answered: out of resources (result 4)", { faults: { full: true } }, "map 80"],
    [
      8,
      "10.0.0.1 has no NAT-PMP service (ICMP port unreachable)",
      { gateway: { actsAsNat: false }, conditions: { reportsPortUnreachable: true } },
      "address",
    ],
    [8, "10.0.0.1 speaks PCP, not NAT-PMP", { faults: { pcpOnly: true } }, "address"],
    [8, "10.0.0.1 answered: unsupported opcode (result 5)", { faults: { resultCode: 5 } }, "map 80"],
    [9, "10.0.0.1 answered: undefined result (result 77)", { faults: { resultCode: 77 } }, "map 80"],
    [
      10,
      "The gateway offers external tcp port 57344, not 8080",
      {
        gateway: {
          staticMappings: [{ address: "10.0.0.3", protocol: "tcp", internalPort: 1, externalPort: 8080 }],
        },
      },
      "map 8080:80 --exact",
    ],
  ];

for (const [exitCode, message, options, args] of MESSAGES) {
  Deno.test(`"${message}" is in the manual, and natpmp ${args} prints it and ends with ${exitCode}`, async () => {
    assertStringIncludes(WORDS, message);
    const outcome = await new TestWorld(options).run(...args.split(" "));
    assertEquals(outcome.exitCode, exitCode);
    assertStringIncludes(outcome.stderr, message);
  });
}

Deno.test("the unit of an unprivileged user has a state directory of its own, for that user alone", () => {
  const units = DOCUMENTS.flatMap(fencesOf)
    .filter(({ language, text }) => language === "ini" && text.includes("DynamicUser=yes"));
  assertGreater(units.length, 0);
  for (const { text } of units) {
    const [, name = ""] = /^StateDirectory=(.*)$/m.exec(text) ?? [];
    assertNotEquals(name, "natpmp");
    assertStringIncludes(text, "StateDirectoryMode=0700\n");
    // The state is in natpmp/ below it, as everywhere.
    assertStringIncludes(text, `Environment=XDG_STATE_HOME=%S/${name}\n`);
  }
});

Deno.test("the page about security names every key by which a configuration runs or writes something", () => {
  const page = DOCUMENTS.find(({ path }) => path.endsWith("/security.md"))?.text ?? "";
  for (const table of [FILE_KEYS, MAPPING_KEYS]) {
    for (const [name, { kind }] of Object.entries<ConfigKey<unknown>>(table)) {
      if (kind.power !== undefined) assertStringIncludes(page, `\`${name}\``);
    }
  }
});
