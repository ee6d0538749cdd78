import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { NoGatewayError } from "../../lib/errors.ts";
import { thisSystem } from "../../lib/gateway/system.ts";

const system = thisSystem();
/** Runs this very Deno, the one program that is on every system. */
const deno = Deno.execPath();
/** A program that never ends: it waits for a timer of two weeks. */
const FOREVER = ["eval", "setTimeout(() => {}, 1e9)"];

/** A clock whose every sleep is over at once, so that every limit is reached. */
const hastyClock = { ...systemClock, sleep: () => Promise.resolve() };

Deno.test("GatewaySystem.networkInterfaces() lists the loopback address", async () => {
  assert((await system.networkInterfaces()).some(({ address }) => address === "127.0.0.1"));
});

Deno.test({
  name: "GatewaySystem.networkInterfaces() says which permission is missing",
  permissions: { sys: false },
  async fn() {
    const error = await assertRejects(() => system.networkInterfaces(), NoGatewayError);
    assertEquals(
      error.message,
      "Cannot list the network interfaces: Deno was started without the permission",
    );
    assertEquals(error.reason, "no-permission");
  },
});

Deno.test("GatewaySystem.readTextFile() names the file that is missing", async () => {
  const error = await assertRejects(() => system.readTextFile("/no/such/route"), NoGatewayError);
  assertEquals(error.message.startsWith("Cannot read /no/such/route: "), true);
  assertEquals(error.reason, "unreadable-routes");
});

Deno.test({
  name: "GatewaySystem.readTextFile() says which permission is missing",
  permissions: { read: false },
  async fn() {
    const error = await assertRejects(() => system.readTextFile("/proc/net/route"), NoGatewayError);
    assertEquals(error.reason, "no-permission");
  },
});

Deno.test({
  name: "GatewaySystem.readTextFile() says that /proc takes all permissions" +
    (Deno.build.os === "linux" ? "" : " (ignored: Linux only)"),
  ignore: Deno.build.os !== "linux",
  permissions: { read: true },
  async fn() {
    const error = await assertRejects(() => system.readTextFile("/proc/net/route"), NoGatewayError);
    assertEquals(error.reason, "no-permission");
  },
});

Deno.test("GatewaySystem.run() returns what the program printed, in the C locale", async () => {
  const script = "console.log(Deno.env.get('LC_ALL')); console.error('oops'); Deno.exit(3)";
  assertEquals(await system.run(deno, ["eval", script]), { success: false, stdout: "C\n", stderr: "oops\n" });
});

Deno.test("GatewaySystem.run() names a program that is missing", async () => {
  await assertRejects(
    () => system.run("/no/such/netstat", []),
    NoGatewayError,
    "Cannot run /no/such/netstat: the program is not installed",
  );
});

Deno.test("GatewaySystem.run() kills a program that hangs and names it", async () => {
  const error = await assertRejects(() => thisSystem(hastyClock).run(deno, FOREVER), NoGatewayError);
  assertEquals(
    error.message,
    `Cannot wait for ${deno}: it has not ended after 2 s`,
  );
});

Deno.test("GatewaySystem.run() kills the program when the caller aborts", async () => {
  const controller = new AbortController();
  const running = system.run(deno, FOREVER, controller.signal);
  controller.abort(new DOMException("stopped", "AbortError"));
  await assertRejects(() => running, DOMException, "stopped");
});

Deno.test({
  name: "GatewaySystem.run() says which permission is missing",
  permissions: { run: false },
  async fn() {
    await assertRejects(
      () => system.run("/sbin/route", []),
      NoGatewayError,
      "Cannot run /sbin/route: Deno was",
    );
  },
});

Deno.test({
  name: "GatewaySystem.localAddressFor() asks the kernel" +
    (Deno.build.os === "linux" ? "" : " (ignored: Linux only)"),
  ignore: Deno.build.os !== "linux",
  async fn() {
    assertEquals(await system.localAddressFor("127.0.0.1"), "127.0.0.1");
    system.close();
  },
});

Deno.test({
  name: "GatewaySystem.close() closes the C library, which is opened again when it is needed" +
    (Deno.build.os === "linux" ? "" : " (ignored: Linux only)"),
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (let i = 0; i < 2; i++) {
      const route = await system.kernelRoute("127.0.0.1", {});
      assert(route !== undefined && route !== "unreachable" && route.isLocal);
      assertEquals(await system.canBindTo("lo"), true);
      system.close();
    }
    system.close();
  },
});

Deno.test({
  name: "GatewaySystem.windowsTables() fails in words without the library" +
    (Deno.build.os === "windows" ? " (ignored: not on Windows)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    await assertRejects(
      () => system.windowsTables("1.1.1.1"),
      NoGatewayError,
      "Cannot read the routing table: ",
    );
  },
});
