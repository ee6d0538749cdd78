import { assertEquals } from "@std/assert";
import { warnOfMissingAddress } from "../../../lib/cli/map/missing_address.ts";
import { Stopped } from "../../../lib/cli/world.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { NO_ANSWER } from "../../lease/fake_mapper.ts";
import { MapLab } from "./map_lab.ts";

Deno.test("warnOfMissingAddress() says why a gateway's address is missing, and nothing of a stop", () => {
  const noAddress = new RefusedError("It has none", "network-failure", { resultCode: 3 });
  for (const [error, reason] of [[noAddress, "It has none"], [NO_ANSWER, "Nobody answers"]] as const) {
    const lab = new MapLab();
    warnOfMissingAddress(lab.context, error);
    assertEquals(lab.world.stderr.text, `natpmp: warning: The external address is unknown: ${reason}\n`);
  }
  const lab = new MapLab();
  warnOfMissingAddress(lab.context, new Stopped("SIGTERM", 143));
  assertEquals(lab.world.stderr.text, "");
});
