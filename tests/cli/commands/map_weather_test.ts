import { assertEquals, assertMatch } from "@std/assert";
import { runNatpmp } from "../../support/command.ts";
import { TemporaryDirectory } from "../../support/temporary_directory.ts";
import { LoopbackGateway } from "../../support/watch_process.ts";

/** What a process is given that finds no place for its state; not even root can write there. */
const WEATHER: readonly (readonly [
  what: string,
  place: (directory: string) => Promise<{ readonly home: string; readonly state?: string }>,
  said: RegExp,
])[] = [
  ["a file where the state directory should be", async (directory) => {
    await Deno.writeTextFile(`${directory}/file`, "precious");
    return { home: `${directory}/file` };
  }, /Cannot read the state file \S+: Not a directory/],
  [
    "a state directory that is not on a disk",
    () => Promise.resolve({ home: "/proc/natpmp" }),
    /natpmp cannot remember leases: \/proc is not on a disk: /,
  ],
  ["a directory where the state file should be", async (directory) => {
    await Deno.mkdir(`${directory}/natpmp/leases.json`, { recursive: true });
    return { home: directory };
  }, /Cannot read the state file \S+: It is a directory/],
  ["a pipe for a state file", async (directory) => {
    await new Deno.Command("mkfifo", { args: [`${directory}/pipe`] }).output();
    return { home: directory, state: `${directory}/pipe` };
  }, /Cannot read the state file \S+: It is not a regular file/],
  [
    "a damaged state file",
    async (directory) => {
      await Deno.mkdir(`${directory}/natpmp`);
      await Deno.writeTextFile(`${directory}/natpmp/leases.json`, '{"version":1,"links":[');
      return { home: directory };
    },
    /Cannot use the state file \S+: it is not JSON .* It is now \S+, and a new state file begins empty/,
  ],
  [
    "a state file of a newer version",
    async (directory) => {
      await Deno.mkdir(`${directory}/natpmp`);
      await Deno.writeTextFile(`${directory}/natpmp/leases.json`, '{"version":99}');
      return { home: directory };
    },
    /Cannot use the state file \S+: a newer natpmp wrote it \(version 99\)\. The file stays as it is, /,
  ],
];

for (const [what, place, said] of WEATHER) {
  Deno.test(`map and unmap as processes with ${what}: done, with one warning and exit code 0`, {
    ignore: Deno.build.os !== "linux",
  }, async () => {
    await using gateway = new LoopbackGateway();
    using directory = new TemporaryDirectory();
    const { home, state } = await place(directory.path);
    const options = { env: { XDG_STATE_HOME: home } };
    const args = ["-g", gateway.address, ...(state === undefined ? [] : ["--state", state])];
    const map = await runNatpmp(["map", "8080:80", ...args], options);
    assertEquals([map.code, map.stdout], [0, "tcp 203.0.113.7:8080 -> 80, 7200 s\n"]);
    assertMatch(map.stderr, new RegExp(`^natpmp: warning: ${said.source}.*\\n$`));
    assertEquals(gateway.ports, [8080]);
    const unmap = await runNatpmp(["unmap", "8080:80", ...args], options);
    assertEquals([unmap.code, unmap.stdout, gateway.ports], [0, "tcp 80 unmapped\n", []]);
    // What was damaged has been set aside.
    const isCured = /It is now/.test(said.source);
    assertEquals(unmap.stderr === "", isCured, unmap.stderr);
  });
}
