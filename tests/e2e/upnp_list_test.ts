import { assertEquals, assertMatch } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import type { CommandResult } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";
import { createUpnpLab, entryText, tableByUpnpc, UPNPC, upnpc } from "../support/upnp_table.ts";

const VIA = ["--via", "auto"];

interface Entry {
  readonly protocol: string;
  readonly externalPort: number;
  readonly internalClient: string;
  readonly internalPort: number;
  readonly secondsLeft?: number;
  readonly permanent?: boolean;
  readonly description: string;
  readonly enabled: boolean;
  readonly isOwn: boolean;
}

function entriesOf({ code, stdout, stderr }: CommandResult): readonly Entry[] {
  assertEquals([code, stderr], [0, ""]);
  const { command, gateway, via, mappings } = JSON.parse(stdout);
  assertEquals([command, gateway, via], ["list", "10.77.0.1", "upnp"]);
  return mappings;
}

function textOf({ internalClient, internalPort, permanent = false, ...entry }: Entry): string {
  return entryText({ ...entry, target: `${internalClient}:${internalPort}`, isPermanent: permanent });
}

/** A table of two hosts and both protocols, with entries of another program, and one that never ends. */
async function fill(lab: GatewayLab): Promise<void> {
  assertEquals((await lab.natpmp(["map", "7000:70", "--via", "upnp"])).code, 0);
  // miniupnpd keeps the rules of its last run, and not when they end.
  await lab.gateway.stopDaemon();
  await lab.gateway.startDaemon();
  assertEquals((await lab.natpmp(["map", "8080:80/both", "--via", "upnp"])).code, 0);
  assertEquals((await lab.natpmp(["map", "9090:90/udp", "--via", "upnp"], { host: lab.cli2 })).code, 0);
  await upnpc(lab.cli, "-e", "it's <odd> & long", "-a", "10.77.0.2", "333", "3333", "TCP", "0");
}

e2eTest(
  "list prints the table that upnpc prints: several hosts, both protocols, one that never ends",
  async () => {
    await using lab = await createUpnpLab();
    assertEquals((await lab.natpmp(["list", ...VIA])).stdout, "No mappings\n");
    await fill(lab);
    const entries = entriesOf(await lab.natpmp(["list", "--json", ...VIA]));
    assertEquals(entries.map(textOf).toSorted(), await tableByUpnpc(lab.cli));
    assertEquals(
      entries.map(({ protocol, externalPort, isOwn, permanent = false, enabled }) =>
        `${protocol} ${externalPort} ${isOwn} ${permanent} ${enabled}`
      ).toSorted(),
      [
        "tcp 3333 true false true",
        "tcp 7000 true true true",
        "tcp 8080 true false true",
        "udp 8080 true false true",
        "udp 9090 false false true",
      ],
    );
    for (const { permanent = false, secondsLeft = 0 } of entries) assertEquals(permanent, secondsLeft === 0);

    const rows = (await lab.natpmp(["list", ...VIA])).stdout.trimEnd().split("\n");
    assertEquals(rows.length, 6);
    assertMatch(rows[0]!, /^ {2}PROTO +EXTERNAL +CLIENT +INTERNAL +TIME LEFT +ENABLED +DESCRIPTION$/);
    assertEquals(
      rows.filter((row) => /^\* tcp +7000 +10\.77\.0\.2 +70 +permanent +yes +natpmp /.test(row)).length,
      1,
    );
    assertEquals(
      rows.filter((row) => /^ {2}udp +9090 +10\.77\.0\.3 +90 +7\d{3} s +yes +natpmp /.test(row)).length,
      1,
    );

    const mine = entriesOf(await lab.natpmp(["list", "--mine", "--json", ...VIA], { host: lab.cli2 }));
    assertEquals(mine.map(({ protocol, externalPort, isOwn }) => [protocol, externalPort, isOwn]), [
      ["udp", 9090, true],
    ]);
  },
  UPNPC,
);

e2eTest(
  "list while the leases are of PCP has them too, and leaves the protocol of the next command alone",
  async () => {
    await using lab = await createUpnpLab({ isUpnpOnly: false });
    assertEquals((await lab.natpmp(["map", "8080:80", ...VIA])).code, 0);
    const [entry, ...others] = entriesOf(await lab.natpmp(["list", "--json", ...VIA]));
    assertEquals([entry?.externalPort, entry?.internalPort, entry?.isOwn, others], [8080, 80, true, []]);
    const again = await lab.natpmp(["map", "8080:80", "--json", ...VIA]);
    assertEquals(JSON.parse(again.stdout).mappings[0].via, "pcp");
  },
);

e2eTest("list of a router without UPnP ends with 8 and names natpmp status", async () => {
  await using lab = await GatewayLab.create({ extraConfiguration: ["enable_upnp=no"] });
  assertEquals((await lab.natpmp(["map", "8080:80", ...VIA])).code, 0);
  const { code, stderr, elapsedMs } = await lab.natpmp(["list", ...VIA]);
  assertEquals(code, 8);
  assertMatch(stderr, /^natpmp: error: UPnP: no router answered the search[^\n]+ within 2(\.\d+)? s\. /);
  assertMatch(stderr, /PCP and NAT-PMP cannot list mappings; natpmp status shows what this host made\n$/);
  assertEquals(elapsedMs < 5000, true, `${elapsedMs} ms`);
});
