import { assertEquals, assertFalse } from "@std/assert";
import { ADDRESSES_QUERY, INTERFACES_QUERY } from "../../../lib/cli/completions/host_queries.ts";

/** What `ip -o -4 addr show` prints on Linux; the second is WireGuard's. */
const LINUX = `1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever preferred_lft forever
5: wg0    inet 10.2.0.2 peer 10.2.0.1/32 scope global wg0\\       valid_lft forever preferred_lft forever
`;

/** What `ifconfig -a` prints on macOS, in part. */
const MACOS = `lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384
	inet 127.0.0.1 netmask 0xff000000
	inet6 ::1 prefixlen 128
en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
	ether 02:00:00:00:00:02
	inet6 fe80::1%en0 prefixlen 64 secured scopeid 0x4
	inet 192.0.2.2 netmask 0xffffff00 broadcast 192.0.2.255
`;

/** What an `ifconfig` of old printed on Linux, in part. */
const OLD_LINUX = `eth0      Link encap:Ethernet  HWaddr 02:00:00:00:00:02
          inet addr:192.0.2.2  Bcast:192.0.2.255  Mask:255.255.255.0
`;

const isWindows = Deno.build.os === "windows";

/** Runs a query where there are only these programs, each of which prints a text, and `sed` and `tr`. */
async function answer(query: string, programs: Readonly<Record<string, string>>): Promise<string[]> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(programs)) {
      await Deno.writeTextFile(`${directory}/${name}.txt`, text);
      const script =
        `#!/bin/sh\nwhile IFS= read -r line; do printf '%s\\n' "$line"; done < ${directory}/${name}.txt\n`;
      await Deno.writeTextFile(`${directory}/${name}`, script, { mode: 0o755 });
    }
    for (const name of ["sed", "tr"]) {
      const path = ["/bin", "/usr/bin"].map((bin) => `${bin}/${name}`).find(isThere);
      if (path === undefined) throw new Error(`This machine has no ${name}`);
      await Deno.symlink(path, `${directory}/${name}`);
    }
    const command = new Deno.Command("/bin/sh", {
      args: ["-c", query],
      env: { PATH: directory },
      stdin: "null",
    });
    const { stdout, stderr } = await command.output();
    assertEquals(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

for (
  const [where, programs, addresses] of [
    ["Linux", { ip: LINUX, ifconfig: OLD_LINUX }, ["127.0.0.1", "192.0.2.2", "10.2.0.2"]],
    ["macOS and the BSDs", { ifconfig: MACOS }, ["127.0.0.1", "192.0.2.2"]],
    ["a Linux without ip", { ifconfig: OLD_LINUX }, ["192.0.2.2"]],
    ["a machine that has neither program", {}, []],
  ] as const
) {
  Deno.test({
    name: `ADDRESSES_QUERY prints the IPv4 addresses of ${where}`,
    ignore: isWindows,
    fn: async () => assertEquals(await answer(ADDRESSES_QUERY, programs), [...addresses]),
  });
}

const ELSEWHERE = INTERFACES_QUERY.replaceAll("/sys/class/net", "/sys/class/no-such");

Deno.test({
  name: "INTERFACES_QUERY prints what ifconfig lists where there is no /sys/class/net",
  ignore: isWindows,
  fn: async () =>
    assertEquals(await answer(ELSEWHERE, { ifconfig: "lo0 en0 utun3\n" }), ["lo0", "en0", "utun3"]),
});

Deno.test({
  name: "INTERFACES_QUERY prints nothing where nothing is to be found out",
  ignore: isWindows,
  fn: async () => assertEquals(await answer(ELSEWHERE, {}), []),
});

Deno.test({
  name: "INTERFACES_QUERY prints nothing where /sys/class/net is empty",
  ignore: isWindows,
  async fn() {
    const directory = await Deno.makeTempDir();
    try {
      assertEquals(await answer(INTERFACES_QUERY.replaceAll("/sys/class/net", directory), {}), []);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: "INTERFACES_QUERY prints the directories of /sys/class/net, and not its files",
  ignore: isWindows,
  async fn() {
    const directory = await Deno.makeTempDir();
    try {
      for (const name of ["lo", "eth0"]) await Deno.mkdir(`${directory}/${name}`);
      await Deno.writeTextFile(`${directory}/bonding_masters`, "");
      const query = INTERFACES_QUERY.replaceAll("/sys/class/net", directory);
      assertEquals(await answer(query, {}), ["eth0", "lo"]);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("ADDRESSES_QUERY and INTERFACES_QUERY have no single quote, which scripts put around them", () => {
  for (const query of [ADDRESSES_QUERY, INTERFACES_QUERY]) assertFalse(query.includes("'"));
});
