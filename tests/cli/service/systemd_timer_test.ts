import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { ServiceRequest } from "../../../lib/cli/service/service_system.ts";
import { systemdTimer } from "../../../lib/cli/service/systemd_timer.ts";
import { PLAIN } from "../../support/service_request.ts";

function filesFor(request: ServiceRequest = PLAIN) {
  const files = systemdTimer.files(request);
  assertEquals(files.map(({ name }) => name), ["natpmp-renew.service", "natpmp-renew.timer"]);
  return { service: files[0]!.text, timer: files[1]!.text };
}

Deno.test("systemd-timer prints a service that renews what is due, once", () => {
  const { service } = filesFor();
  assertMatch(service, /^Type=oneshot$/m);
  const command = "/usr/local/bin/natpmp map --config /etc/natpmp.json --if-due --quiet";
  assertStringIncludes(service, `\nExecStart=${command}\n`);
  assertEquals(service.includes("[Install]"), false);
});

Deno.test("systemd-timer prints a timer for it, every 15 minutes, that makes up for what was missed", () => {
  const { timer } = filesFor();
  assertMatch(timer, /^OnCalendar=\*:0\/15$/m);
  assertMatch(timer, /^Persistent=true$/m);
  assertMatch(timer, /^WantedBy=timers\.target$/m);
});

Deno.test("systemd-timer names the path of each file in its first line", () => {
  for (const [name, text] of Object.entries(filesFor())) {
    assertEquals(text.split("\n")[0], `# /etc/systemd/system/natpmp-renew.${name}`);
  }
});

Deno.test("systemd-timer lets the service write the port files of the configuration", () => {
  const { service } = filesFor({ ...PLAIN, portFiles: ["/run/natpmp/port"] });
  assertMatch(service, /^ReadWritePaths="-\/run\/natpmp"$/m);
});
