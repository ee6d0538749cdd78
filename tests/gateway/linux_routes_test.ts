import { assertEquals, assertLess } from "@std/assert";
import { parseLinuxInterfaceNames, parseLinuxRoutes } from "../../lib/gateway/linux_routes.ts";
import { table } from "./_tables.ts";

Deno.test("parseLinuxRoutes() reads destination, gateway, prefix and metric", () => {
  assertEquals(parseLinuxRoutes(table("linux_several_defaults.txt")), [
    {
      interfaceName: "wlan0",
      destination: "0.0.0.0",
      prefixLength: 0,
      gateway: "192.168.7.1",
      metric: 100,
      rejects: false,
    },
    {
      interfaceName: "eth0",
      destination: "0.0.0.0",
      prefixLength: 0,
      gateway: "192.168.1.1",
      metric: 600,
      rejects: false,
    },
    { interfaceName: "eth0", destination: "192.168.1.0", prefixLength: 24, metric: 0, rejects: false },
    { interfaceName: "wlan0", destination: "192.168.7.0", prefixLength: 24, metric: 0, rejects: false },
  ]);
});

Deno.test("parseLinuxRoutes() reads the halves that a VPN lays over the default route", () => {
  const routes = parseLinuxRoutes(table("linux_vpn_split.txt")).filter(({ prefixLength }) =>
    prefixLength === 1
  );
  assertEquals(routes.map(({ destination, gateway }) => [destination, gateway]), [
    ["0.0.0.0", "10.8.0.1"],
    ["128.0.0.0", "10.8.0.1"],
  ]);
});

for (const name of ["unreachable", "only_unreachable", "blackhole"]) {
  Deno.test(`parseLinuxRoutes() marks the ${name.replace("_", " ")} default route as one that rejects`, () => {
    const [first] = parseLinuxRoutes(table(`linux_${name}.txt`));
    assertEquals(first, {
      interfaceName: "*",
      destination: "0.0.0.0",
      prefixLength: 0,
      metric: 5,
      rejects: true,
    });
  });
}

Deno.test("parseLinuxRoutes() gives a route without a next hop no gateway", () => {
  assertEquals(parseLinuxRoutes(table("linux_point_to_point.txt")), [
    { interfaceName: "wg0", destination: "0.0.0.0", prefixLength: 0, metric: 0, rejects: false },
  ]);
});

Deno.test("parseLinuxRoutes() skips a route that is down, the heading and junk", () => {
  const down = "eth0\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n";
  const holes = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00FF00FF\t0\t0\t0\n";
  const text = table("linux_no_default.txt") + down + holes + "eth0\t0000\n\nno route at all\n";
  assertEquals(parseLinuxRoutes(text).map(({ destination }) => destination), ["192.168.1.0"]);
  assertEquals(parseLinuxRoutes(""), []);
});

Deno.test("parseLinuxRoutes() reads fifty thousand lines in well under a second", () => {
  const line = (i: number) => {
    const network = (i & 255).toString(16).padStart(2, "0") + (i >>> 8).toString(16).padStart(2, "0");
    return `eth0\t00${network}0A\t0101A8C0\t0003\t0\t0\t20\t00FFFFFF\t0\t0\t0\n`;
  };
  const text = table("linux_plain.txt") + Array.from({ length: 50_000 }, (_, i) => line(i)).join("");
  const start = performance.now();
  const routes = parseLinuxRoutes(text);
  assertLess(performance.now() - start, 1_000);
  assertEquals(routes.length, 50_002);
  assertEquals(routes.at(-1)?.destination, "10.195.79.0");
});

// The form of Linux' net/core/net-procfs.c.
Deno.test("parseLinuxInterfaceNames() reads /proc/net/dev", () => {
  const text = "Inter-|   Receive                            |  Transmit\n" +
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n" +
    "    lo:       0       0    0    0    0     0          0         0        0       0\n" +
    "  eth0: 1296031     966    0    0    0     0          0         0   107263     813\n" +
    "br-3f1c:      0       0    0    0    0     0          0         0        0       0\n";
  assertEquals(parseLinuxInterfaceNames(text), ["lo", "eth0", "br-3f1c"]);
});
