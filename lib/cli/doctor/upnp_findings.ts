import type { SurveyedRouter } from "../../backends.ts";
import { NoAnswerError, type NotSupportedError, RefusedError } from "../../errors.ts";
import type { Examination } from "./examination.ts";

/** Something about UPnP that a person can act on, as data. */
export type UpnpFinding =
  /** Routers at several addresses map ports: one behind another, or a mesh. */
  | { readonly kind: "several-routers"; readonly gateway: string; readonly addresses: readonly string[] }
  /** The router is only a bridge. */
  | { readonly kind: "nat-off"; readonly gateway: string }
  /** The router has an external address, but reports that its connection does not work. */
  | { readonly kind: "disconnected"; readonly gateway: string; readonly connectionStatus: string }
  /** A router answers the search, but has no service that maps ports, or no description that can be read. */
  | { readonly kind: "maps-no-ports" | "unreadable-description"; readonly gateway: string }
  /** The router answers, but only after the time that is waited where nobody named UPnP. */
  | { readonly kind: "slow-search"; readonly gateway: string }
  /** A version that is known not to forward. */
  | { readonly kind: "broken-miniupnpd"; readonly gateway: string }
  | { readonly kind: "permanent-only"; readonly gateway: string };

/** The version whose changelog has that it does not forward ports; 2.3.11 does again. */
const BROKEN_MINIUPNPD = /\bMiniUPnPd\/2\.3\.10(?![0-9.])/i;

/** The states of a connection that leads somewhere. */
const CONNECTED: readonly string[] = ["Connected", "Up"];

/** Draws the conclusions about UPnP from an examination; pure. One protocol that works is enough: the others may be missing. */
export function upnpFindings(examination: Examination): UpnpFinding[] {
  const { upnpRouters: routers, gateway: chosen, via, address, testMapping } = examination;
  if (routers === undefined || "error" in chosen) return [];
  const { gateway } = chosen.value;
  const addresses = [...new Set(routers.filter(mapsPorts).map(({ address }) => address))];
  const mayLack = addresses.length === 0 && (via === undefined || via === "upnp") && !isHttpSilence(address);
  const isSlow = routers.length === 0 && via === "upnp" && address !== undefined && "value" in address;
  const isPermanent = via === "upnp" && testMapping !== undefined && "value" in testMapping &&
    testMapping.value.lease.lifetimeSeconds === "permanent";
  const used = routers.find(({ isChosen }) => isChosen);
  const asked = via === "upnp" && used !== undefined ? used.address : gateway;
  const broken = routers.find(({ address, isChosen, server = "" }) =>
    (isChosen || address === gateway) && BROKEN_MINIUPNPD.test(server)
  );
  return [
    ...(broken === undefined ? [] : [{ kind: "broken-miniupnpd", gateway: broken.address } as const]),
    ...(mayLack ? lackFindings(routers) : []),
    ...(used === undefined ? [] : usedFindings(used, examination)),
    ...(addresses.length > 1 ? [{ kind: "several-routers", gateway: asked, addresses } as const] : []),
    ...(isSlow ? [{ kind: "slow-search", gateway } as const] : []),
    ...(isPermanent ? [{ kind: "permanent-only", gateway } as const] : []),
  ];
}

/** A router that is silent over HTTP has a finding of its own. */
function isHttpSilence(address: Examination["address"]): boolean {
  return address !== undefined && "error" in address && address.error instanceof NoAnswerError &&
    address.error.via === "upnp";
}

function mapsPorts({ services }: SurveyedRouter): boolean {
  return services.length > 0;
}

function lackFindings(routers: readonly SurveyedRouter[]): UpnpFinding[] {
  return routers.map(({ address, problem }) => ({
    kind: problem === undefined ? "maps-no-ports" : "unreadable-description",
    gateway: address,
  }));
}

function usedFindings(
  { address: gateway, isNatEnabled, connectionStatus }: SurveyedRouter,
  { address }: Examination,
): UpnpFinding[] {
  // Without an external address there is a finding about that already.
  const hasAddress = address !== undefined && !("error" in address && address.error instanceof RefusedError);
  return [
    ...(isNatEnabled === false ? [{ kind: "nat-off", gateway } as const] : []),
    ...(hasAddress && connectionStatus !== undefined && !CONNECTED.includes(connectionStatus)
      ? [{ kind: "disconnected", gateway, connectionStatus } as const]
      : []),
  ];
}

/** Advises what to do about a finding. */
export function upnpAdvice(finding: UpnpFinding): string {
  const { gateway } = finding;
  switch (finding.kind) {
    case "several-routers":
      return `Check which router leads to the Internet: ${finding.addresses.length} routers answered the UPnP search ` +
        `(${
          finding.addresses.join(", ")
        }), as with one router behind another (double NAT) or in a mesh. natpmp asks ` +
        `${gateway}; name another one with --gateway or --igd`;
    case "nat-off":
      return `Map at the router in front of ${gateway}, which --gateway or --igd can name: NAT is off in ${gateway} ` +
        "(bridge mode), so that a mapping there may do nothing";
    case "disconnected":
      return `Connect the router ${gateway} to the Internet: it reports the state of its connection as ` +
        `"${finding.connectionStatus}"`;
    case "maps-no-ports":
      return `Look for a switch such as "allow port mapping by UPnP" in the settings of the router ${gateway}: it ` +
        "answers the UPnP search, but has no service that maps ports";
    case "unreadable-description":
      return `Restart the router ${gateway}, or look for an update of its software: it answers the UPnP search, but ` +
        "its description cannot be read";
    case "slow-search":
      return "Use --via upnp in each command: the router is slow to answer the UPnP search, and without that option " +
        "natpmp waits for only 2 s";
    case "broken-miniupnpd":
      return `Update the software of the router ${gateway}: its MiniUPnPd 2.3.10 was released with broken port ` +
        "forwarding, which 2.3.11 repairs";
    case "permanent-only":
      return "Delete each mapping with natpmp unmap when you no longer need it, or use natpmp watch, which does so: " +
        "over UPnP this router grants only mappings that never end";
  }
}

/** Whether an error has that the search of UPnP found nothing. */
export function hasNoUpnp(error: NotSupportedError): boolean {
  return [error, ...error.others].some(({ reason }) => reason === "no-service");
}
