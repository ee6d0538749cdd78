import { assert, assertEquals } from "@std/assert";
import { listIpv4Addresses } from "../../lib/net/interface_list.ts";
import { kernelRoute } from "../../lib/net/kernel_route.ts";

const isLinux = Deno.build.os === "linux";
const where = isLinux ? "" : " (ignored: Linux only)";

Deno.test({
  name: `kernelRoute() knows the way to this host itself${where}`,
  ignore: !isLinux,
  fn() {
    const route = kernelRoute("127.0.0.9");
    assert(route !== undefined && route !== "unreachable");
    assertEquals([route.interfaceName, route.isLocal, route.nextHop], ["lo", true, undefined]);
  },
});

Deno.test({
  name: `kernelRoute() has no route through an interface that does not exist${where}`,
  ignore: !isLinux,
  fn() {
    assertEquals(kernelRoute("127.0.0.1", { interfaceName: "no-such0" }), "unreachable");
    assertEquals(kernelRoute("no address"), undefined);
  },
});

Deno.test({
  name: "kernelRoute() and listIpv4Addresses() are undefined without the permission to use FFI",
  permissions: { ffi: false },
  fn() {
    assertEquals(kernelRoute("127.0.0.1"), undefined);
    assertEquals(listIpv4Addresses(), undefined);
  },
});

Deno.test({
  name: `listIpv4Addresses() lists what netlink lists of IPv4${where}`,
  ignore: !isLinux,
  fn() {
    const listed = Deno.networkInterfaces()
      .filter(({ family }) => family === "IPv4")
      .map(({ name, family, address, netmask, mac }) => ({ name, family, address, netmask, mac }));
    assertEquals(listIpv4Addresses() as unknown, listed);
  },
});
