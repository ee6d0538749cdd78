import type { Candidate, InterfaceAddress, SocketBinding } from "../../gateway/mod.ts";
import { netmaskLength } from "../../gateway/prefix.ts";
import { classifyIpv4 } from "../../net/ipv4.ts";
import type { SurveyedRouter } from "../../backends.ts";
import { NoAnswerError, NotSupportedError, PortMapperError } from "../../errors.ts";
import { roundMs } from "../output.ts";
import { adviceFor } from "./advice.ts";
import { lifetimeText } from "../publish/lease_report.ts";
import { viaName } from "../via_name.ts";
import { formatUptime } from "./format_uptime.ts";
import type { Examination, PortFinding, ProtocolAnswer } from "./examination.ts";
import type { Finding } from "./findings.ts";

/** An examination in lines for people. */
export function reportLines(examination: Examination, findings: readonly Finding[]): string[] {
  const { interfaces, upnpRouters, announcements, testMapping, ports, trace } = examination;
  return [
    ...section("Interfaces", interfaces.map(interfaceLine), "none, or unknown"),
    ...section("Router", gatewayLines(examination)),
    ...section("Answer", answerLines(examination), "natpmp asked no router"),
    ...section("UPnP routers", upnpRouters?.length ? upnpRouters.flatMap(routerLines) : undefined),
    ...section("Announcements", announcements && [announcementLine(announcements)]),
    ...section("Test mapping", testMapping && testLines(testMapping, examination)),
    ...section("Internal ports", ports.length === 0 ? undefined : ports.map(portLine)),
    ...section("Datagrams", trace.length === 0 ? undefined : trace.map(({ text }) => text)),
    ...section("Advice", findings.map(adviceFor), "Nothing to do: this router opens ports"),
  ];
}

/** A section that was not tried is left out; an empty one has a line about that. */
function section(title: string, lines: readonly string[] | undefined, ifEmpty = ""): string[] {
  if (lines === undefined) return [];
  return [title, ...(lines.length === 0 ? [ifEmpty] : lines).map((line) => `  ${line}`)];
}

function interfaceLine({ name, family, address, netmask }: InterfaceAddress): string {
  const length = family === "IPv4" ? netmaskLength(netmask) : undefined;
  return `${name} ${address}${length === undefined ? "" : `/${length}`}`;
}

function gatewayLines({ gateway, candidates, container }: Examination): string[] {
  const others = "value" in candidates ? candidates.value : [];
  const chosen = "value" in gateway ? gateway.value : undefined;
  return [
    ...("error" in gateway ? [`none: ${reasonOf(gateway)}`] : []),
    ...(chosen === undefined
      ? []
      : [`${chosen.gateway}, ${chosen.reason}`, localLine(chosen.localAddress, chosen.interfaceName)]),
    ...(chosen?.binding === undefined ? [] : [bindingLine(chosen.binding)]),
    ...others.filter((other) => !isChosen(other, chosen?.gateway)).map(candidateLine),
    ...(chosen !== undefined && "error" in candidates
      ? [`other routers are unknown: ${reasonOf(candidates)}`]
      : []),
    ...(container.isLikely ? [`this looks like a container: ${container.signs.join(", ")}`] : []),
  ];
}

function isChosen(candidate: Candidate, gateway: string | undefined): boolean {
  return candidate.chosen && candidate.gateway === gateway;
}

function candidateLine({ gateway, reason }: Candidate): string {
  return `not chosen: ${gateway === undefined ? "" : `${gateway}, `}${reason}`;
}

function localLine(localAddress: string | undefined, interfaceName = ""): string {
  if (localAddress === undefined) return "the address of this host is unknown";
  const addressClass = classifyIpv4(localAddress);
  return `asked from ${localAddress} on ${interfaceName}, ` +
    (addressClass === "private"
      ? "a private address (RFC 1918)"
      : `a ${addressClass} address, not a private one (RFC 1918)`);
}

function bindingLine({ interfaceName, routeInterface }: SocketBinding): string {
  const route = routeInterface === undefined
    ? "no known route leads to the router"
    : `the route leads through ${routeInterface}`;
  return `bound to ${interfaceName}: ${route}`;
}

function answerLines({ protocols, via, address }: Examination): string[] {
  const externalAddress = address !== undefined && "value" in address
    ? address.value.externalAddress
    : undefined;
  return [
    ...protocols.map(protocolLine),
    ...(externalAddress === undefined
      ? []
      : [`external address ${externalAddress}, ${classifyIpv4(externalAddress)}`]),
    ...(via === undefined || protocols.length === 1 ? [] : [`natpmp uses ${viaName(via)}`]),
  ];
}

function protocolLine({ via, answer }: ProtocolAnswer): string {
  if ("error" in answer) return `${viaName(via)}: ${reasonOf(answer)}`;
  const { epochSeconds, attempts, elapsedMs } = answer.value;
  const uptime = epochSeconds === undefined ? "" : `, up for ${formatUptime(epochSeconds)} by its epoch`;
  return `${viaName(via)}: answered in ${roundMs(elapsedMs)} ms (attempts: ${attempts})${uptime}`;
}

/** A router's own words are in quotes: they may be anything. */
function routerLines(router: SurveyedRouter): string[] {
  const { address, location, server, friendlyName, manufacturer, modelName, modelNumber } = router;
  const { igdVersion, services, problem, isChosen } = router;
  const model = [manufacturer, modelName, modelNumber].filter((part) => part !== undefined).join(" ");
  const version = igdVersion === undefined ? "" : `, version ${igdVersion}`;
  const use = isChosen ? ", which natpmp uses for UPnP" : "";
  const state = stateWords(router);
  const lines = [
    ...(friendlyName === undefined ? [] : [`name: "${friendlyName}"`]),
    ...(model === "" ? [] : [`model: "${model}"`]),
    ...(server === undefined ? [] : [`software: "${server}"`]),
    `description: ${location}${version}`,
    ...(problem === undefined ? [] : [`no answer: ${problem}`]),
    ...(problem !== undefined && services.length === 0
      ? []
      : [`services that map ports: ${services.join(", ") || "none"}`]),
    ...(state.length === 0 ? [] : [`state: ${state.join(", ")}`]),
  ];
  return [`${address}${use}`, ...lines.map((line) => `  ${line}`)];
}

function stateWords({ connectionStatus, isNatEnabled, externalAddress }: SurveyedRouter): string[] {
  return [
    ...(connectionStatus === undefined ? [] : [`"${connectionStatus}"`]),
    ...(isNatEnabled === undefined ? [] : [isNatEnabled ? "NAT is on" : "NAT is off"]),
    ...(externalAddress === undefined
      ? []
      : [`external address ${externalAddress}, ${classifyIpv4(externalAddress)}`]),
  ];
}

function announcementLine(announcements: NonNullable<Examination["announcements"]>): string {
  return "error" in announcements
    ? `port 5350 cannot be shared: ${reasonOf(announcements)}`
    : "port 5350 can be shared";
}

function testLines(testMapping: NonNullable<Examination["testMapping"]>, { address }: Examination): string[] {
  if ("error" in testMapping) return [reasonOf(testMapping)];
  const { lease, deletion } = testMapping.value;
  const { protocol, externalPort, internalPort, lifetimeSeconds, elapsedMs, isVerified } = lease;
  const host = address !== undefined && "value" in address ? `${address.value.externalAddress}:` : "";
  const lifetime = lifetimeText(lifetimeSeconds);
  const granted = `granted in ${roundMs(elapsedMs)} ms${
    isVerified === undefined ? "" : listedWords(isVerified)
  }`;
  return [
    `${protocol} ${host}${externalPort} -> ${internalPort}, ${lifetime}, ${granted}`,
    "error" in deletion ? `not deleted: ${reasonOf(deletion)}` : "deleted",
  ];
}

function listedWords(isVerified: boolean): string {
  return isVerified ? ", and the router lists it" : "; the router does not show whether it lists it";
}

const PORT_STATES: Readonly<Record<PortFinding["state"], string>> = {
  taken: "a program uses it",
  elsewhere: "a program uses it, but not on this address",
  free: "nothing listens",
  unknown: "unknown",
};

function portLine({ protocol, internalPort, state, how }: PortFinding): string {
  return `${protocol} ${internalPort}: ${PORT_STATES[state]} (${how})`;
}

/** The cause alone: what to do about it is advice. */
function reasonOf({ error }: { readonly error: unknown }): string {
  if (!(error instanceof PortMapperError)) return String(error);
  const { message, effort } = error;
  // The message of a silence, and of a search without an answer, has its cost already.
  const isSearch = error instanceof NotSupportedError && error.reason === "no-service";
  return effort === undefined || error instanceof NoAnswerError || isSearch
    ? message
    : `${message}, after ${roundMs(effort.elapsedMs)} ms (attempts: ${effort.attempts})`;
}
