import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openNotifySocket } from "../../lib/system/notify_socket.ts";

const IS_WINDOWS = Deno.build.os === "windows";

/** Runs a test with a directory of its own. */
async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test({
  name: "openNotifySocket() sends to the service manager's socket and leaves no file behind",
  ignore: IS_WINDOWS,
  fn: () =>
    inDirectory(async (directory) => {
      const manager = Deno.listenDatagram({ transport: "unixpacket", path: `${directory}/notify` });
      const socket = openNotifySocket(`${directory}/notify`, ["/nonexistent", directory]);
      assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), ["notify"]);
      await socket.send("READY=1");
      const [data] = await manager.receive();
      assertEquals(new TextDecoder().decode(data), "READY=1");
      socket.close();
      manager.close();
    }),
});

Deno.test({
  name: "openNotifySocket() rejects a send to a socket that is not there",
  ignore: IS_WINDOWS,
  fn: () =>
    inDirectory(async (directory) => {
      const socket = openNotifySocket(`${directory}/notify`, [directory]);
      await assertRejects(() => socket.send("READY=1"), Error);
      socket.close();
    }),
});

Deno.test("openNotifySocket() refuses an address that is not a path, and a host without a directory", () => {
  assertThrows(() => openNotifySocket("vsock:2:1234", ["/tmp"]), TypeError);
  assertThrows(() => openNotifySocket("/run/systemd/notify", []), Error, "there is no directory");
});
