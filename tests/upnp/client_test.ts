import { assertEquals } from "@std/assert";
import { EXTERNAL, UpnpLab } from "./upnp_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080, lifetimeSeconds: 3600 } as const;

for (const upnp of ["igd1", "igd2"] as const) {
  Deno.test(`UpnpClient maps, is verified, tells the address and unmaps at a router of ${upnp}`, async () => {
    const lab = new UpnpLab({ upnp });
    const lease = await lab.run(lab.client.map(AT_8080));
    assertEquals([lease.via, lease.externalPort, lease.lifetimeSeconds, lease.isVerified], [
      "upnp",
      8080,
      3600,
      true,
    ]);
    assertEquals(lab.mappings, ["tcp 8080 -> 10.0.0.2:80"]);
    const { externalAddress } = await lab.run(lab.client.probe());
    assertEquals(externalAddress, EXTERNAL);
    await lab.run(lab.client.unmap(TCP_80));
    assertEquals(lab.mappings, []);
  });
}
