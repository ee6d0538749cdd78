import { assertEquals, assertMatch } from "@std/assert";
import { SystemdNotifier } from "../../../lib/cli/publish/systemd_notifier.ts";
import { ManualClock } from "../../../lib/simulator/mod.ts";
import { FakeMachine } from "../../support/fake_machine.ts";

function bench(environment: Record<string, string>) {
  const machine = new FakeMachine();
  machine.environment = environment;
  const clock = new ManualClock();
  const failures: string[] = [];
  const make = () => new SystemdNotifier(machine, { clock, onFailure: (message) => failures.push(message) });
  return { machine, clock, failures, make };
}

Deno.test("SystemdNotifier sends READY=1 once, each new status, STOPPING=1, in order", async () => {
  const { machine, make } = bench({ NOTIFY_SOCKET: "/run/notify" });
  const notifier = make();
  notifier.ready();
  notifier.status("a");
  notifier.status("a");
  notifier.ready();
  notifier.status("b");
  notifier.stopping();
  await notifier.close();
  assertEquals(machine.notifications, ["READY=1", "STATUS=a", "STATUS=b", "STOPPING=1"]);
});

Deno.test("SystemdNotifier sends nothing without NOTIFY_SOCKET", async () => {
  const { machine, make } = bench({ WATCHDOG_USEC: "1000000" });
  const notifier = make();
  notifier.ready();
  await notifier.close();
  assertEquals(machine.notifications, []);
});

Deno.test("SystemdNotifier sends WATCHDOG=1 twice in the time that systemd asks for", async () => {
  const { machine, clock, make } = bench({
    NOTIFY_SOCKET: "/run/notify",
    WATCHDOG_USEC: "30000000",
    WATCHDOG_PID: "4711",
  });
  const notifier = make();
  await clock.advance(60_000);
  assertEquals(machine.notifications, Array(5).fill("WATCHDOG=1"));
  await notifier.close();
  await clock.advance(60_000);
  assertEquals(machine.notifications.length, 5);
});

Deno.test("SystemdNotifier sends no WATCHDOG=1 that another process is asked for, or nobody", async () => {
  const other = { WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" };
  for (const environment of [other, {}, { WATCHDOG_USEC: "0" }, { WATCHDOG_USEC: "x" }]) {
    const { machine, clock, make } = bench({ NOTIFY_SOCKET: "/run/notify", ...environment });
    const notifier = make();
    await clock.advance(60_000);
    await notifier.close();
    assertEquals(machine.notifications, []);
  }
});

Deno.test("SystemdNotifier reports once that it cannot reach the service manager", async () => {
  const { machine, failures, make } = bench({ NOTIFY_SOCKET: "@abstract" });
  machine.openNotifySocket = () => ({
    send: () => Promise.reject(new TypeError("paths must not contain interior null bytes")),
    close: () => {},
  });
  const notifier = make();
  notifier.ready();
  notifier.status("a");
  await notifier.close();
  assertEquals(failures.length, 1);
  assertMatch(failures[0]!, /^Cannot notify the service manager: paths must not/);
  machine.openNotifySocket = () => {
    throw new Error("there is no directory for it");
  };
  await make().close();
  assertEquals(failures.length, 2);
});
