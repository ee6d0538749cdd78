import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { systemdSandbox } from "../../../lib/cli/service/systemd_sandbox.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";

function writable(portFiles: readonly string[]): string[] {
  return systemdSandbox(portFiles).split("\n").filter((line) => line.startsWith("ReadWritePaths="));
}

Deno.test("systemdSandbox() makes root's state directory, and everything else read-only", () => {
  const lines = systemdSandbox([]).split("\n");
  for (const line of ["StateDirectory=natpmp", "ProtectSystem=strict", "ProtectHome=read-only"]) {
    assertEquals(lines.filter((one) => one === line).length, 1, line);
  }
  assertEquals(writable([]), []);
});

Deno.test("systemdSandbox() does not hide a file of /tmp, and lets V8 compile", () => {
  for (const setting of ["PrivateTmp=", "MemoryDenyWriteExecute=", "DynamicUser="]) {
    assertEquals(systemdSandbox([]).includes(setting), false, setting);
  }
});

Deno.test("systemdSandbox() allows the directory of each port file once, where it is there", () => {
  const portFiles = ["/run/natpmp/tcp", "/run/natpmp/udp", '/srv/a b%c"d\\e$f/port'];
  assertEquals(writable(portFiles), [
    'ReadWritePaths="-/run/natpmp"',
    'ReadWritePaths="-/srv/a b%%c\\"d\\\\e$f"',
  ]);
});

Deno.test("systemdSandbox() refuses a directory with a control character", () => {
  assertThrows(() => systemdSandbox(["/run/a\nUser=nobody/port"]), UsageError, "ReadWritePaths= cannot hold");
});

Deno.test("systemdSandbox() says why the service is root", () => {
  assertStringIncludes(systemdSandbox([]), "/var/lib/natpmp/leases.json");
});

for (
  const directory of [
    "/etc",
    "/etc/cron.d",
    "/etc/systemd/system",
    "/usr",
    "/usr/local/bin",
    "/bin",
    "/sbin",
    "/lib64",
    "/boot/grub",
    "/home",
    "/var",
    "/var/lib",
    "/root",
    "/run",
    "/run/systemd/system",
    "/proc/sys/net",
    "/sys/class",
    "/dev",
    "/opt",
    "",
  ]
) {
  Deno.test(`systemdSandbox() does not open ${directory || "/"} for a port file`, () => {
    assertThrows(
      () => systemdSandbox(["/run/natpmp/other", `${directory}/port`]),
      UsageError,
      `Cannot let the service write all of ${directory || "/"} for the port file ${directory}/port`,
    );
  });
}

Deno.test("systemdSandbox() opens directories below those, and makes /run/natpmp at each boot", () => {
  const directories = [
    "/etc/natpmp",
    "/home/me/ports",
    "/var/lib/transmission",
    "/srv",
    "/tmp",
    "/root/ports",
    "/opt/app",
  ];
  assertEquals(
    writable(directories.map((directory) => `${directory}/port`)),
    directories.map((directory) => `ReadWritePaths="-${directory}"`),
  );
  const runtime = (path: string) => systemdSandbox([path]).includes("\nRuntimeDirectory=natpmp\n");
  assertEquals([runtime("/run/natpmp/port"), runtime("/run/other/port"), runtime("/srv/port")], [
    true,
    false,
    false,
  ]);
});
