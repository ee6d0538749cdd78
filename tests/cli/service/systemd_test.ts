import { assertEquals, assertMatch } from "@std/assert";
import { systemd } from "../../../lib/cli/service/systemd.ts";
import { PLAIN, requestIn } from "../../support/service_request.ts";

function unitFor(request = PLAIN): string {
  const files = systemd.files(request);
  assertEquals(files.map(({ name }) => name), ["natpmp.service"]);
  return files[0]!.text;
}

/** Every setting by its name, without comments. */
function settingsOf(unit: string): [name: string, value: string][] {
  return unit.split("\n").filter((line) => /^[A-Z][A-Za-z]+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
}

Deno.test("systemd prints a unit that notifies, is watched, and comes back after a failure", () => {
  const settings = Object.fromEntries(settingsOf(unitFor()));
  assertEquals(settings.Type, "notify");
  assertEquals(settings.ExecStart, "/usr/local/bin/natpmp watch --config /etc/natpmp.json");
  assertEquals([settings.WatchdogSec, settings.Restart], ["60", "on-failure"]);
  assertEquals(settings.WantedBy, "multi-user.target");
  assertEquals([settings.Wants, settings.After], ["network-online.target", "network-online.target"]);
});

Deno.test("systemd names the path of the unit in its first line", () => {
  assertMatch(unitFor(), /^# \/etc\/systemd\/system\/natpmp\.service\n\[Unit\]\n/);
});

Deno.test("systemd has no line of a unit begin inside a path", () => {
  const unit = unitFor({ ...requestIn("/a\nUser=nobody\n[Install]") });
  assertEquals(settingsOf(unit).map(([name]) => name), settingsOf(unitFor()).map(([name]) => name));
  assertEquals(unit.match(/^\[.*$/gm), ["[Unit]", "[Service]", "[Install]"]);
});

Deno.test("systemd lets the service write the port files of the configuration", () => {
  const unit = unitFor({ ...PLAIN, portFiles: ["/run/natpmp/port"] });
  assertEquals(Object.fromEntries(settingsOf(unit)).ReadWritePaths, '"-/run/natpmp"');
});
