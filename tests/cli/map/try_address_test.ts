import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { tryAddress } from "../../../lib/cli/map/try_address.ts";
import { Stopped } from "../../../lib/cli/world.ts";
import { NO_ANSWER, REFUSED } from "../../lease/fake_mapper.ts";
import { MapLab } from "./map_lab.ts";

Deno.test("tryAddress() is the external address, and warns of one that the Internet cannot reach", async () => {
  const lab = new MapLab();
  assertEquals(await tryAddress(lab.context, lab.session), { externalAddress: "198.51.100.7" });
  assertEquals(lab.world.stderr.text, "");
  lab.mapper.onAddress = () => "192.168.1.2";
  assertEquals(await tryAddress(lab.context, lab.session), { externalAddress: "192.168.1.2" });
  assertEquals(lab.world.stderr.text.match(/^natpmp: warning: [^\n]*double NAT[^\n]*\n$/)?.length, 1);
});

Deno.test("tryAddress() throws nothing, as a gateway that does not tell maps all the same", async () => {
  for (const error of [NO_ANSWER, REFUSED]) {
    const lab = new MapLab();
    lab.mapper.onAddress = () => error;
    const attempt = await tryAddress(lab.context, lab.session);
    assertStrictEquals(attempt.error, error);
    assertEquals([Object.keys(attempt), lab.world.stderr.text], [["error"], ""]);
  }
});

Deno.test("tryAddress() tells apart that the command was told to stop", async () => {
  const lab = new MapLab();
  lab.mapper.onAddress = () => "silence";
  const asking = tryAddress(lab.context, lab.session);
  await lab.world.clock.advance(1000);
  lab.world.stop("SIGTERM");
  const { stopped, error, externalAddress } = await asking;
  assertInstanceOf(stopped, Stopped);
  assertStrictEquals(error, stopped);
  assertEquals([stopped.exitCode, externalAddress], [143, undefined]);
});
