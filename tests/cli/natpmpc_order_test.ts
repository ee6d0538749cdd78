import { assertEquals, assertStringIncludes } from "@std/assert";
import { TestWorld } from "../support/test_world.ts";

/** What natpmpc is given, and the command line that does the same here. */
const CASES: readonly (readonly [string, string])[] = [
  ["-a 8080 80 tcp 3600", "natpmp map 8080:80/tcp --lifetime 3600"],
  ["8080 80 tcp 3600", "natpmp map 8080:80/tcp --lifetime 3600"],
  ["map 8080 80 tcp 3600", "natpmp map 8080:80/tcp --lifetime 3600"],
  ["map -a 8080 80 tcp", "natpmp map 8080:80/tcp"],
  ["map 8080 80 UDP", "natpmp map 8080:80/udp"],
  ["-a 443 443 tcp", "natpmp map 443/tcp"],
  ["-a 0 22 tcp 60", "natpmp map any:22/tcp --lifetime 60"],
  ["-a 1 0 udp 60 -g 10.2.0.1", "natpmp map 1:0/udp --lifetime 60 --allow-port-zero -g 10.2.0.1"],
  ["-g 10.2.0.1 -a 1 0 tcp 60", "natpmp map 1:0/tcp --lifetime 60 --allow-port-zero -g 10.2.0.1"],
  ["watch 8080 80 tcp 3600 --keep", "natpmp watch 8080:80/tcp --lifetime 3600 --keep"],
  ["unmap 8080 80 tcp", "natpmp unmap 80/tcp"],
  ["-a 8080 80 tcp 0", "natpmp unmap 80/tcp"],
  ["-a 0 0 udp 0", "natpmp unmap --all --udp"],
  [
    "--gateway=10.0.0.9:1 -i eth0 8080 80 tcp 60",
    "natpmp map 8080:80/tcp --lifetime 60 --gateway=10.0.0.9:1 -i eth0",
  ],
  ["map -l 60 8080 80 tcp 3600", "natpmp map 8080:80/tcp --lifetime 3600"],
  ["address 8080 80 tcp", "natpmp map 8080:80/tcp"],
];

for (const [given, right] of CASES) {
  Deno.test(`natpmp ${given} is a usage error that shows ${right}`, async () => {
    const world = new TestWorld();
    const { exitCode, stdout, stderr } = await world.run(...given.split(" "));
    assertEquals(
      [exitCode, stdout, stderr],
      [2, "", `natpmp: error: The arguments are in natpmpc's order: write ${right}\n`],
    );
    assertEquals(world.networksOpened, 0);
  });
}

Deno.test("the command line that is shown instead of natpmpc's is quoted for a shell, and right", async () => {
  const { stderr } = await new TestWorld().run("-i", "Wi-Fi 2", "-a", "8080", "80", "tcp", "60");
  assertStringIncludes(stderr, "natpmp map 8080:80/tcp --lifetime 60 -i 'Wi-Fi 2'\n");
  for (const [, right] of CASES) {
    if (right.includes("10.2.0.1") || right.includes("10.0.0.9")) continue;
    const [, ...words] = right.split(" ");
    assertEquals(
      (await new TestWorld().run(...words, ...(words[0] === "watch" ? ["--for", "1s"] : []))).exitCode,
      0,
    );
  }
});

Deno.test("natpmpc's order is in the message of --json too", async () => {
  const { json } = await new TestWorld().runJson("-a", "8080", "80", "tcp", "3600");
  assertEquals(json.error?.kind, "usage");
  assertStringIncludes(`${json.error?.message}`, "write natpmp map 8080:80/tcp --lifetime 3600 --json");
});

Deno.test("what natpmpc would refuse as well gets the error of its own", async () => {
  const cases = [
    [["-a", "70000", "80", "tcp"], "Unknown option -a"],
    [["map", "8080", "80", "sctp"], "after the slash"],
    [["map", "8080", "80"], ""],
    [["map", "8080", "80", "443"], "bare numbers are ambiguous"],
    [["map", "8080", "80", "tcp", "4294967296"], "bare numbers are ambiguous"],
  ] as const;
  for (const [args, part] of cases) {
    const { stderr } = await new TestWorld().run(...args);
    assertEquals(stderr.includes("natpmpc"), false);
    if (part !== "after the slash") assertStringIncludes(stderr, part);
  }
});
