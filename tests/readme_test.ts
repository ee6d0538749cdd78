import { assertEquals, assertMatch, assertNotEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type ConfigKey, FILE_KEYS, MAPPING_KEYS } from "../lib/cli/config/config_keys.ts";
import { exitCodeTable } from "../lib/cli/exit_codes.ts";
import { COMMANDS, OPTIONS, type OptionSpec } from "../lib/cli/option_table.ts";
import { NoGatewayError } from "../lib/errors.ts";
import { failureError } from "../lib/gateway/failure.ts";
import { withTables } from "../scripts/readme_tables.ts";
import { TestWorld, type TestWorldOptions } from "./support/test_world.ts";

const README = await Deno.readTextFile(new URL("../README.md", import.meta.url));

/** What each row of "Troubleshooting" says, and the situation in which it is said. */
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
  Deno.test(`README.md: "${message}" is what ${args} says when it ends with ${exitCode}`, async () => {
    const row = README.split("\n").find((line) => line.includes(message));
    assertEquals(/^\| ([0-9]+) +\|/.exec(row ?? "")?.[1], String(exitCode), "the row of Troubleshooting");
    const outcome = await new TestWorld(options).run(...args.split(" "));
    assertEquals(outcome.exitCode, exitCode);
    assertStringIncludes(outcome.stderr, message);
  });
}

Deno.test("README.md: Troubleshooting has no row that is not tested", () => {
  const [, section = ""] = README.split("## Troubleshooting");
  const rows = section.split("\n## ")[0]!.split("\n").filter((line) => /^\| [0-9]+ +\|/.test(line));
  assertEquals(rows.length, MESSAGES.length);
});

/** The cells of a section's first table, without its head. */
function tableOf(title: string): string[][] {
  const [section = ""] = README.split(`\n## ${title}\n`)[1]?.split("\n## ") ?? [];
  const [table = ""] = /(^\|.*\n)+/m.exec(section) ?? [];
  return table.trimEnd().split("\n").slice(2).map((row) =>
    row.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim())
  );
}

Deno.test("README.md: the table of options has each option with its commands, and no others", () => {
  const rows = tableOf("Options").map(([option = "", commands = ""]) => {
    const [, short, name, value] = /^`(?:-(.), )?--([a-z-]+)(?: (.*))?`$/.exec(option) ?? [];
    const names = commands === "all"
      ? Object.keys(COMMANDS)
      : [...commands.matchAll(/`(.*?)`/g)].map(([, c]) => c);
    return { name, short, value, names };
  });
  const specs: readonly (readonly [string, OptionSpec])[] = Object.entries(OPTIONS);
  assertEquals(
    rows,
    specs.map(([name, { short, value, commands }]) => ({ name, short, value, names: [...commands] })),
  );
});

Deno.test("README.md: the table of exit codes has each code and kind, and no others", () => {
  assertEquals(
    tableOf("Exit codes").map(([code, kind = ""]) => [code, kind.replaceAll("`", "")]),
    exitCodeTable().map(({ codes, kind = "" }) => [codes, kind]),
  );
});

Deno.test("README.md: its tables of options and exit codes are up to date (if not: deno task docs)", () => {
  assertEquals(withTables(README), README);
});

Deno.test("withTables() writes a table anew, and says where one has no place", () => {
  const stale = README.replace("print the version", "something old");
  assertNotEquals(stale, README);
  assertEquals(withTables(stale), README);
  assertThrows(() => withTables("# Nothing"), Error, "no place for the table of options");
});

/** The example of "A configuration file". */
function exampleConfig(): string {
  const [, section = ""] = README.split("\n## A configuration file\n");
  return /^```json\n(.*?)^```/ms.exec(section.split("\n## ")[0]!)?.[1] ?? "";
}

Deno.test("README.md: the configuration file is one that map reads and carries out", async () => {
  const world = new TestWorld();
  world.fakeMachine.files.set("/etc/natpmp.json", exampleConfig());
  const { exitCode, stdout, stderr } = await world.run("map", "--config", "/etc/natpmp.json");
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(stdout.replace(/:[0-9]{5} -> 6881/g, ":PORT -> 6881").split("\n"), [
    "tcp 203.0.113.7:8080 -> 80, 7200 s",
    "tcp 203.0.113.7:2222 -> 22, 7200 s",
    "udp 203.0.113.7:51820 -> 51820, 7200 s",
    "tcp 203.0.113.7:PORT -> 6881, 3600 s",
    "udp 203.0.113.7:PORT -> 6881, 3600 s",
    "",
  ]);
  assertMatch(world.fakeMachine.files.get("/run/natpmp/torrent-port") ?? "", /^[0-9]+\n$/);
});

Deno.test("README.md: A configuration file names every key, and the schema's file", async () => {
  const section = README.split("\n## A configuration file\n")[1]!.split("\n## ")[0]!;
  for (const table of [FILE_KEYS, MAPPING_KEYS]) {
    for (const name of Object.keys(table)) assertStringIncludes(section, `\`${name}\``);
  }
  const schema = /`([a-z/_]+\.schema\.json)`/.exec(section)?.[1];
  assertEquals((await Deno.stat(new URL(`../${schema}`, import.meta.url))).isFile, true);
});

Deno.test("README.md: the unit of an unprivileged user has a state directory of its own, for that user alone", () => {
  const [, unit = ""] = /^```ini\n(.*?)^```/ms.exec(README.split("\n### A systemd unit\n")[1]!) ?? [];
  assertStringIncludes(unit, "DynamicUser=yes\n");
  const [, name = ""] = /^StateDirectory=(.*)$/m.exec(unit) ?? [];
  assertNotEquals(name, "natpmp");
  assertStringIncludes(unit, "StateDirectoryMode=0700\n");
  // The state is in natpmp/ below it, as everywhere.
  assertStringIncludes(unit, `Environment=XDG_STATE_HOME=%S/${name}\n`);
});

Deno.test("README.md: Security names every key by which a configuration runs or writes something", () => {
  const section = README.split("\n## Security: what it trusts\n")[1]!.split("\n## ")[0]!;
  for (const table of [FILE_KEYS, MAPPING_KEYS]) {
    for (const [name, { kind }] of Object.entries<ConfigKey<unknown>>(table)) {
      if (kind.power !== undefined) assertStringIncludes(section, `\`${name}\``);
    }
  }
});
