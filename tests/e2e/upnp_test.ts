import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { runCommand } from "../support/command.ts";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

const VIA = ["--via", "auto"];

for (const protocol of ["tcp", "udp"] as const) {
  e2eTest(
    `map brings ${protocol} traffic through a UPnP-only router with no option, and unmap ends it`,
    async () => {
      await using lab = await GatewayLab.create({ isUpnpOnly: true });
      await lab.listen(lab.cli, protocol, 80);
      const result = await lab.natpmp(["map", `8080:80/${protocol}`, "--json", ...VIA]);
      assertEquals([result.code, result.stderr], [0, ""]);
      const { externalAddress, mappings = [] } = jsonOutput(result);
      assertEquals([externalAddress, mappings[0]?.via, mappings[0]?.externalPort], [
        "11.22.33.44",
        "upnp",
        8080,
      ]);
      assertEquals(await lab.probe(protocol, 8080), "cli:80");
      const { code, stdout, stderr } = await lab.natpmp(["unmap", `8080:80/${protocol}`, ...VIA]);
      assertEquals({ code, stdout, stderr }, { code: 0, stdout: `${protocol} 80 unmapped\n`, stderr: "" });
      assertEquals(await lab.gateway.daemon.mappings(), []);
      assert(await lab.isClosed(protocol, 8080), "the port is open after it was unmapped");
    },
  );
}
