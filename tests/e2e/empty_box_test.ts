/**
 * The binary on a box without anything, against a real gateway: in an empty, read-only root with only the C library.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { CommandResult } from "../support/command.ts";
import { boxTest, EmptyBox, type Proc } from "../support/empty_box.ts";
import { GatewayLab } from "../support/gateway_lab.ts";

/** A lab with a gateway, and a box that hangs on its network. */
class BoxLab implements AsyncDisposable {
  readonly lab: GatewayLab;
  readonly box: EmptyBox;

  private constructor(lab: GatewayLab, box: EmptyBox) {
    this.lab = lab;
    this.box = box;
  }

  static async create(proc: Proc = "mounted"): Promise<BoxLab> {
    const box = await EmptyBox.create({ proc });
    return new BoxLab(await GatewayLab.create(), box);
  }

  natpmp(...args: readonly string[]): Promise<CommandResult> {
    return this.lab.cli.exec(this.box.natpmp(...args));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
    await this.box[Symbol.asyncDispose]();
  }
}

/** Over PCP, only a process that knows the nonce can delete a mapping, and nothing here can keep the nonce. */
const statelessly = ["--via", "nat-pmp"];

/** It may warn that it cannot remember anything here, but nothing worse. */
function assertDone({ code, stdout, stderr }: CommandResult, expected: string): void {
  assertEquals({ code, stdout }, { code: 0, stdout: expected }, stderr);
  for (const line of stderr.split("\n").filter((line) => line !== "")) {
    assertMatch(line, /^natpmp: warning: /);
  }
}

boxTest("the binary needs the C library and nothing else of a system", async () => {
  await using box = await EmptyBox.create();
  for (const path of await box.files()) {
    assertMatch(path, /\/(lib(c|m|dl|rt|pthread|gcc_s)\.so\.[0-9]+|ld-linux-[a-z0-9-]+\.so\.[0-9]+)$/);
  }
});

boxTest("address, map and unmap work in an empty, read-only root", async () => {
  await using lab = await BoxLab.create();
  assertDone(await lab.natpmp("address"), "11.22.33.44\n");
  assertDone(
    await lab.natpmp("map", "8080:80", "4500/udp", ...statelessly),
    "tcp 11.22.33.44:8080 -> 80, 7200 s\nudp 11.22.33.44:4500 -> 4500, 7200 s\n",
  );
  assertEquals(await lab.lab.gateway.daemon.mappings(), [
    "tcp 8080 -> 10.77.0.2:80",
    "udp 4500 -> 10.77.0.2:4500",
  ]);
  assertDone(
    await lab.natpmp("unmap", "8080:80", "4500/udp", ...statelessly),
    "tcp 80 unmapped\nudp 4500 unmapped\n",
  );
  assertEquals(await lab.lab.gateway.daemon.mappings(), []);
});

boxTest("watch holds a mapping in an empty, read-only root, and deletes it when it is stopped", async () => {
  await using lab = await BoxLab.create();
  await using watch = lab.lab.cli.spawn(lab.box.natpmp("watch", "8080:80", "--json"));
  await watch.waitForLine(/"event":"mapped"/);
  assertEquals(await lab.lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.2:80"]);
  watch.kill("SIGTERM");
  assertEquals(await watch.ended(), 0);
  assert(watch.lines.some((line) => line.includes('"event":"unmapped"')), watch.lines.join("\n"));
  assertEquals(await lab.lab.gateway.daemon.mappings(), []);
});

boxTest(
  "an ICMP port unreachable is told from silence in an empty root, by the C library alone",
  async () => {
    await using lab = await BoxLab.create();
    await lab.lab.gateway.stopDaemon();
    const { code, stderr } = await lab.natpmp("address");
    assertEquals(code, 8, stderr);
    assertStringIncludes(stderr, "ICMP port unreachable");
  },
);

boxTest("what an empty root cannot do says what is missing: a shell, a place to write", async () => {
  await using lab = await BoxLab.create();
  const hooked = await lab.natpmp("map", "8080:80", "--exec", "true");
  assertEquals(hooked.stdout, "tcp 11.22.33.44:8080 -> 80, 7200 s\n");
  assertMatch(hooked.stderr, /hook .*did not start: .*\/bin\/sh.*No such file/);
  const filed = await lab.natpmp("map", "8080:80", "--port-file", "/port");
  assertEquals(filed.stdout, "tcp 11.22.33.44:8080 -> 80, 7200 s\n");
  assertMatch(filed.stderr, /Cannot write the port file \/port: Read-only file system/);
});

boxTest(
  "without /proc but for the link to the program, the kernel tells the gateway",
  async () => {
    await using lab = await BoxLab.create("only the link to the program");
    assertDone(await lab.natpmp("address"), "11.22.33.44\n");
    assertDone(await lab.natpmp("address", "--gateway", "10.77.0.1"), "11.22.33.44\n");
    assertDone(
      await lab.natpmp("map", "8080:80", "--gateway", "10.77.0.1", ...statelessly),
      "tcp 11.22.33.44:8080 -> 80, 7200 s\n",
    );
    assertDone(
      await lab.natpmp("unmap", "8080:80", "--gateway", "10.77.0.1", ...statelessly),
      "tcp 80 unmapped\n",
    );
    assertEquals(await lab.lab.gateway.daemon.mappings(), []);
  },
);
