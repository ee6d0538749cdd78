import { assertEquals, assertRejects } from "@std/assert";
import { DeletionRefusedError, NotSupportedError, RefusedError } from "../../lib/errors.ts";
import { UpnpClient } from "../../lib/upnp/client.ts";
import { ManualClock, MemoryNetwork } from "../../lib/simulator/mod.ts";
import { answerXml, descriptionXml, serviceXml } from "./documents.ts";
import { bodyOf, testFixture } from "./igd_fixtures.ts";
import {
  fault,
  type HeardRequest,
  httpBytes,
  readRequest,
  type Reply,
  searchReply,
} from "./scripted_router.ts";

/** A client, and a host that sends what a real router sent. */
class FixtureLab {
  readonly clock = new ManualClock({ startMs: 1000 });
  readonly network = new MemoryNetwork({ clock: this.clock, random: () => 0.5 });
  readonly heard: (HeardRequest & { readonly at: string })[] = [];
  readonly client: UpnpClient;
  readonly #gateway: string;
  readonly #answer: (request: HeardRequest) => Reply;

  constructor(gateway: string, answer: (request: HeardRequest) => Reply) {
    this.#gateway = gateway;
    this.#answer = answer;
    const local = gateway.replace(/\.\d+$/, ".200");
    const { open, connect } = this.network.host(local);
    this.client = new UpnpClient(gateway, {
      clock: this.clock,
      random: () => 0.5,
      openSocket: open,
      connectStream: connect,
      localAddress: local,
    });
  }

  /** Answers every search with these bytes. */
  answerSearches(data: Uint8Array): void {
    const host = this.network.host(this.#gateway);
    const local = { hostname: this.#gateway, port: 1900 };
    host.listen({ local, deliver: ({ source }) => host.emit({ data, source: local }, source) });
  }

  /** Serves a port of an address. */
  serve(hostname: string, port: number): void {
    this.network.attachServer(hostname, port, async (connection) => {
      const request = await readRequest(connection);
      this.heard.push({ ...request, at: `http://${hostname}:${port}${request.path}` });
      const reply = this.#answer(request);
      if (reply instanceof Uint8Array) await connection.write(reply);
      else if (typeof reply === "string") await connection.write(httpBytes(reply));
      else await connection.write(httpBytes(reply.body, reply.status));
    });
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise);
  }
}

/** Files with a head are sent as they are. */
function replyOf(bytes: Uint8Array, status = 200): Reply {
  const text = new TextDecoder().decode(bytes);
  return text.startsWith("HTTP/") ? bytes : { status, body: bodyOf(bytes) };
}

// ---- descriptions ----

/** Where each description was, and the control URL that has to be asked; none where the device is of no use. */
const DESCRIPTIONS: readonly (readonly [file: string, location: string, control: string | undefined])[] = [
  [
    "actiontec-gt784wn-desc.http",
    "http://192.168.0.1:5431/dyndev/uuid:deadbeef-dead-beef-dead-beefdeadbeef00",
    "http://192.168.0.1:5431/uuid:00000000-0000-0000-0000-00000000000002/WANPPPConnection:1",
  ],
  [
    "avm-fritzbox7590-igddesc.xml",
    "http://192.168.178.1:49000/igddesc.xml",
    "http://192.168.178.1:49000/igdupnp/control/WANIPConn1",
  ],
  ["avm-fritzbox7590-tr64desc.xml", "http://192.168.178.1:49000/tr64desc.xml", undefined],
  [
    "avm-fritzbox6660-igd2desc.xml",
    "http://192.168.54.1:49000/igd2desc.xml",
    "http://192.168.54.1:49000/igd2upnp/control/WANIPConn2",
  ],
  [
    "broadcom-bcm963xx-bom-desc.xml",
    "http://192.168.1.1:5431/dyndev/uuid:0000e068-20a0-00e0-20a0-48a8000808e0",
    "http://192.168.1.1:5431/uuid:0000e068-20a0-00e0-20a0-48a802086048/WANIPConnection:1",
  ],
  ["dlink-dir655-desc.xml", "http://192.168.0.1:80/rootdesc.xml", "http://192.168.0.1:4444/wipconn"],
  [
    "dlink-dir890l-desc.http",
    "http://10.0.0.1:49152/InternetGatewayDevice.xml",
    "http://10.0.0.1:49152/soap.cgi?service=WANIPConn1",
  ],
  [
    "dlink-generic-nons-desc.xml",
    "http://192.168.0.1:5678/igd.xml",
    "http://192.168.0.1:5678/WANIPConnection",
  ],
  [
    "freebox-server6-desc.xml",
    "http://192.168.1.254:5678/desc/root",
    "http://192.168.1.254:5678/control/wan_ip_connection",
  ],
  ["google-onhub-desc.xml", "http://192.168.86.1:5000/rootDesc.xml", "http://192.168.86.1:5000/ctl/IPConn"],
  [
    "linksys-wag200g-desc.xml",
    "http://192.168.1.1:49152/gateway.xml",
    "http://192.168.1.1:49152/upnp/control/WANPPPConn1",
  ],
  [
    "linksys-wrt54g-desc.xml",
    "http://192.168.1.1:2869/IGatewayDeviceDescDoc",
    "http://192.168.1.1:2869/WANIPConnCtrlUrl",
  ],
  [
    "linuxigd-1.00-desc.xml",
    "http://192.168.20.1:49152/gatedesc.xml",
    "http://192.168.20.1:49152/upnp/control/WANIPConn1",
  ],
  ["netgear-r7500v2-desc.http", "http://192.168.0.1:5555/rootDesc.xml", "http://192.168.0.1:5555/ctl/IPConn"],
  [
    "derived-netgear-r7500v2-desc-chunked.http",
    "http://192.168.0.1:5555/rootDesc.xml",
    "http://192.168.0.1:5555/ctl/IPConn",
  ],
  [
    "nokia-ont-igd2-desc.xml",
    "http://192.168.18.1:49652/gatedesc.xml",
    "http://192.168.18.1:49652/upnp/control/WANIPConn1",
  ],
  ["pannaway-speedtouch5x6-nowanconn-desc.xml", "http://10.0.0.1:80/upnp/IGD.xml", undefined],
  ["pfsense-2.5.0-desc.xml", "http://192.168.1.1:2189/rootDesc.xml", "http://192.168.1.1:2189/ctl/IPConn"],
  [
    "sagemcom-fast5670-desc.xml",
    "http://192.168.1.1:49153/34363463/gatedesc.xml",
    "http://192.168.1.1:49153/upnp/control/WANPPPConn1",
  ],
  ["sercomm-fg824cd-desc.xml", "http://192.168.1.1:5000/rootDesc.xml", "http://192.168.1.1:5000/ctl/IPConn"],
  [
    "technicolor-fga2130-desc.xml",
    "http://192.168.1.254:5000/aAAaAaa/rootDesc.xml",
    "http://192.168.1.254:5000/aAAaAaa/ctl/IPConn",
  ],
  ["technicolor-tg389ac-wfadevice-desc.xml", "http://192.168.1.254:49152/desc.xml", undefined],
  [
    "yamaha-rtx810-desc.xml",
    "http://192.168.0.1:2869/RootDevice.xml",
    "http://192.168.0.1:2869/WANIPConnection",
  ],
];

for (const [file, location, control] of DESCRIPTIONS) {
  testFixture("the client asks where the description leads it", {
    file,
    async run(bytes) {
      const { hostname, port } = new URL(location);
      const lab = new FixtureLab(hostname, ({ method, action }) => {
        if (method === "GET") return replyOf(bytes);
        return action === "GetStatusInfo"
          ? answerXml(action, { NewConnectionStatus: "Connected" })
          : answerXml(action, { NewExternalIPAddress: "203.0.113.7" });
      });
      lab.answerSearches(searchReply(location));
      const ports = new Set([Number(port) || 80, Number(new URL(control ?? location).port) || 80]);
      for (const one of ports) lab.serve(hostname, one);
      for (const one of ports) lab.serve("127.0.0.1", one);
      if (control === undefined) {
        await assertRejects(() => lab.run(lab.client.probe({ timeoutMs: 1000 })), NotSupportedError);
        assertEquals(lab.heard.map(({ method }) => method), ["GET"]);
        return;
      }
      assertEquals((await lab.run(lab.client.probe())).externalAddress, "203.0.113.7");
      assertEquals([lab.heard[0]!.at, lab.heard.at(-1)!.at], [location, control]);
      assertEquals(new Set(lab.heard.map(({ at }) => new URL(at).hostname)), new Set([hostname]));
    },
  });
}

// ---- answers to a search ----

const SEARCH_REPLIES: readonly (readonly [file: string, location: string | undefined])[] = [
  ["ddwrt-v24-x86-notify.ssdp", undefined],
  ["derived-tplink-loopback-location.ssdp", undefined],
  ["google-onhub.ssdp", "http://192.168.86.1:5000/rootDesc.xml"],
  ["huawei-ont-portablesdk.ssdp", "http://192.168.1.1:49652/49652gatedesc.xml"],
  ["linksys-wrt54g.ssdp", "http://192.168.1.1:2869/IGatewayDeviceDescDoc"],
  ["pfsense-2.5.0.ssdp", "http://192.168.1.1:2189/rootDesc.xml"],
  ["sagemcom-fast3890v3.ssdp", "http://192.168.0.1:49153/69692b70/gatedesc0b.xml"],
  ["technicolor-tg389ac.ssdp", "http://192.168.1.254:5000/aAAaAaa/rootDesc.xml"],
  ["zyxel-romplug.ssdp", "http://192.168.252.179:80/DeviceDescription.xml"],
];

for (const [file, location] of SEARCH_REPLIES) {
  testFixture("the client reads the description where the answer to its search has it", {
    file,
    async run(bytes) {
      const { hostname, port } = new URL(location ?? "http://192.168.1.1:5431/");
      const services = serviceXml("urn:schemas-upnp-org:service:WANIPConnection:1", "/ctl");
      const lab = new FixtureLab(hostname, () => descriptionXml({ services }));
      lab.answerSearches(bytes);
      lab.serve(hostname, Number(port) || 80);
      const found = await lab.run(lab.client.find({ timeoutMs: 1000 }).then(() => true, () => false));
      assertEquals(found, location !== undefined);
      assertEquals(lab.heard.map(({ at }) => at), location === undefined ? [] : [location]);
    },
  });
}

// ---- answers to actions ----

const GATEWAY = "192.168.1.1";
const AT_8080 = { protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 3600 } as const;

/** A client of a router that gives one answer from a file, once, and faults otherwise. */
function labWith(
  action: string,
  bytes: Uint8Array,
  { version = 1, rest = {}, status = 200 }: {
    readonly version?: 1 | 2;
    readonly rest?: Readonly<Record<string, Reply>>;
    readonly status?: number;
  } = {},
): FixtureLab {
  let isGiven = false;
  const services = serviceXml(`urn:schemas-upnp-org:service:WANIPConnection:${version}`, "/ctl");
  const lab = new FixtureLab(GATEWAY, (request) => {
    if (request.method === "GET") return descriptionXml({ services, version });
    if (request.action === action && !isGiven) {
      isGiven = true;
      return replyOf(bytes, status);
    }
    return rest[request.action] ?? fault(request.action.startsWith("Get") ? 713 : 401);
  });
  lab.answerSearches(searchReply(`http://${GATEWAY}:5000/desc.xml`));
  lab.serve(GATEWAY, 5000);
  return lab;
}

for (
  const [file, address] of [
    ["actiontec-gt784wn-externalip.http", "203.0.113.111"],
    ["tplink-tlr470t-externalip-private.xml", "192.168.4.1"],
    ["tplink-tlwr940n-externalip.http", "100.100.100.100"],
  ] as const
) {
  testFixture("the client has the external address", {
    file,
    async run(bytes) {
      const lab = labWith("GetExternalIPAddress", bytes);
      assertEquals((await lab.run(lab.client.findAddress())).externalAddress, address);
    },
  });
}

for (
  const [file, entry] of [
    ["actiontec-gt784wn-generic0.http", "udp 3658 192.168.0.10:3658 permanent"],
    ["askey-rtf8316vw-generic0-maxlease.xml", "tcp 30013 192.168.1.3:30013 4294967295"],
    ["dlink-dir890l-generic0.http", "udp 9308 10.0.0.55:9308 permanent"],
    ["openwrt-miniupnpd2.3.7-generic0-intport0.xml", "tcp 16159 192.168.100.234:0"],
    ["tplink-omada-er706w-generic-fault402.xml", undefined],
    ["yamaha-rtx810-generic0.xml", "tcp 16152 192.168.100.9:16152 3600"],
  ] as const
) {
  testFixture("the client lists the mapping", {
    file,
    async run(bytes) {
      const status = entry === undefined ? 500 : 200;
      const lab = labWith("GetGenericPortMappingEntry", bytes, { status });
      const { mappings } = await lab.run(lab.client.list());
      const shown = mappings.map((one) =>
        `${one.protocol} ${one.externalPort} ${one.internalClient}:${one.internalPort} ${one.secondsLeft}`
      );
      assertEquals(shown.map((text) => text.slice(0, entry?.length)), entry === undefined ? [] : [entry]);
    },
  });
}

testFixture("the client lists the mappings of a list at once", {
  file: "avm-fritzbox5690pro-listofportmappings.xml",
  async run(bytes) {
    const rest = { GetListOfPortMappings: fault(730) };
    const lab = labWith("GetListOfPortMappings", bytes, { version: 2, rest });
    const { mappings } = await lab.run(lab.client.list());
    assertEquals([mappings.length, mappings[0]!.externalPort], [10, 19_093]);
    assertEquals([mappings[5]!.externalPort, mappings[5]!.secondsLeft], [16_132, "permanent"]);
  },
});

testFixture("the client takes the port of the router's choice", {
  file: "bouygues-fast5696b-addanyportmapping.xml",
  async run(bytes) {
    const lab = labWith("AddAnyPortMapping", bytes, {
      version: 2,
      rest: { GetSpecificPortMappingEntry: fault(401) },
    });
    const lease = await lab.run(lab.client.map({ protocol: "tcp", internalPort: 80 }));
    assertEquals([lease.externalPort, lease.isVerified], [61_234, false]);
  },
});

testFixture("the client takes an answer for success", {
  file: "dlink-dir890l-addportmapping.http",
  async run(bytes) {
    const rest = { GetSpecificPortMappingEntry: fault(401) };
    const lab = labWith("AddPortMapping", bytes, { rest });
    assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
  },
});

for (
  const file of ["mikrotik-addportmapping-fault725.xml", "tplink-archerax72-addportmapping-fault501.xml"]
) {
  testFixture("the client asks for a mapping without an end", {
    file,
    async run(bytes) {
      const rest = {
        GetSpecificPortMappingEntry: fault(401),
        AddPortMapping: answerXml("AddPortMapping", {}),
      };
      const lab = labWith("AddPortMapping", bytes, { status: 500, rest });
      assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, "permanent");
      const leases = lab.heard.flatMap(({ args }) => args.get("NewLeaseDuration") ?? []);
      assertEquals(leases, ["3600", "0"]);
    },
  });
}

for (
  const [file, refusal, code] of [
    ["askey-rtf8316vw-addportmapping-fault718.xml", "port-unavailable", 718],
    ["linksys-wrt54g-fault600.xml", "unknown-result", 600],
  ] as const
) {
  testFixture("the client reports the refusal", {
    file,
    async run(bytes) {
      const lab = labWith("AddPortMapping", bytes, { status: 500 });
      const mapped = () => lab.run(lab.client.map({ ...AT_8080, exact: true }));
      const error = await assertRejects(mapped, RefusedError);
      assertEquals([error.refusal, error.resultCode], [refusal, code]);
      assertEquals(error instanceof DeletionRefusedError, false);
    },
  });
}

for (const file of ["dlink-dir890l-specific-fault714.http", "freebox-specific-fault714.xml"]) {
  testFixture("the client knows that there is no such mapping, and deletes none", {
    file,
    async run(bytes) {
      const lab = labWith("GetSpecificPortMappingEntry", bytes, { status: 500 });
      await lab.run(lab.client.unmap(AT_8080));
      assertEquals(lab.heard.map(({ action }) => action), ["", "GetSpecificPortMappingEntry"]);
    },
  });
}
