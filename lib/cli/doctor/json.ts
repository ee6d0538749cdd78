import type { SocketBinding } from "../../gateway/mod.ts";
import { netmaskLength } from "../../gateway/prefix.ts";
import { classifyIpv4 } from "../../net/ipv4.ts";
import type { CommandLine } from "../args.ts";
import { failureOf } from "../failure.ts";
import { roundMs } from "../output.ts";
import { adviceFor } from "./advice.ts";
import { type Examination, firstError } from "./examination.ts";
import type { Finding } from "./findings.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Options of {@linkcode reportFields}. */
export interface ReportFieldsOptions {
  /** The command line, for hints that show another one. */
  readonly line?: CommandLine | undefined;
}

type ErrorFields = (error: unknown) => Fields;

/** An examination as the object of `--json`. Fields that were not tried or are unknown are absent. */
export function reportFields(
  examination: Examination,
  findings: readonly Finding[],
  { line }: ReportFieldsOptions = {},
): Fields {
  const errorFields = (error: unknown): Fields => failureOf(error, { line }).json;
  const { interfaces, candidates, container, ports, trace } = examination;
  const first = firstError(examination);
  return {
    ...gatewayFields(examination),
    interfaces: interfaces.map(({ name, family, address, netmask }) => {
      const prefixLength = family === "IPv4" ? netmaskLength(netmask) : undefined;
      return { name, family, address, ...(prefixLength === undefined ? {} : { prefixLength }) };
    }),
    ...("value" in candidates
      ? {
        candidates: candidates.value.map(({ interfaceName, ...rest }) => ({
          interface: interfaceName,
          ...rest,
        })),
      }
      : {}),
    container,
    ...protocolFields(examination, errorFields),
    ...upnpFields(examination),
    ...addressFields(examination),
    ...announcementFields(examination, errorFields),
    ...testFields(examination, errorFields),
    ports,
    datagrams: trace.map(({ elapsedMs, text }) => ({
      elapsedMs: roundMs(elapsedMs),
      text: text.replace(/^\S+ ms /, ""),
    })),
    advice: findings.map((finding) => {
      const { kind, ...numbers } = finding;
      return { finding: kind, ...(kind === "failed" ? {} : numbers), message: adviceFor(finding) };
    }),
    ...(first === undefined
      ? {}
      : { ...failedVia(first.error, examination), error: errorFields(first.error) }),
  };
}

function gatewayFields({ gateway, protocols }: Examination): Fields {
  if ("error" in gateway) return {};
  const { gateway: address, port, localAddress, interfaceName, reason, guessed, overrulesTable, binding } =
    gateway.value;
  // The routers of UPnP have ports of their own.
  const isUpnp = protocols.length > 0 && protocols.every(({ via }) => via === "upnp");
  return {
    gateway: address,
    ...(isUpnp ? {} : { port }),
    ...(interfaceName === undefined ? {} : { interface: interfaceName }),
    ...(localAddress === undefined ? {} : { localAddress, localAddressClass: classifyIpv4(localAddress) }),
    reason,
    guessed,
    overrulesTable,
    ...(binding === undefined ? {} : { binding: bindingFields(binding) }),
  };
}

function bindingFields({ interfaceName, routeInterface }: SocketBinding): Fields {
  return { interface: interfaceName, ...(routeInterface === undefined ? {} : { routeInterface }) };
}

function failedVia(error: unknown, { via: spoken }: Examination): Fields {
  const { via = spoken } = failureOf(error);
  return via === undefined ? {} : { via };
}

function protocolFields({ via, protocols }: Examination, errorFields: ErrorFields): Fields {
  if (protocols.length === 0) return {};
  return {
    ...(via === undefined ? {} : { via }),
    protocols: protocols.map(({ via, answer }) => {
      if ("error" in answer) return { via, error: errorFields(answer.error) };
      const { epochSeconds, attempts, elapsedMs } = answer.value;
      return {
        via,
        ...(epochSeconds === undefined ? {} : { epochSeconds }),
        attempts,
        elapsedMs: roundMs(elapsedMs),
      };
    }),
  };
}

function upnpFields({ upnpRouters }: Examination): Fields {
  if (upnpRouters === undefined) return {};
  return {
    upnpRouters: upnpRouters.map(({ isChosen, isNatEnabled, externalAddress, ...rest }) => ({
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      chosen: isChosen,
      ...(externalAddress === undefined
        ? {}
        : { externalAddress, externalAddressClass: classifyIpv4(externalAddress) }),
      ...(isNatEnabled === undefined ? {} : { natEnabled: isNatEnabled }),
    })),
  };
}

function addressFields({ address }: Examination): Fields {
  if (address === undefined || "error" in address) return {};
  const { externalAddress, epochSeconds, attempts, elapsedMs } = address.value;
  return {
    ...(externalAddress === undefined
      ? {}
      : { externalAddress, externalAddressClass: classifyIpv4(externalAddress) }),
    ...(epochSeconds === undefined ? {} : { epochSeconds }),
    attempts,
    elapsedMs: roundMs(elapsedMs),
  };
}

function announcementFields({ announcements }: Examination, errorFields: ErrorFields): Fields {
  if (announcements === undefined) return {};
  return {
    announcements: "error" in announcements
      ? { canShare: false, error: errorFields(announcements.error) }
      : { canShare: true },
  };
}

function testFields({ testMapping }: Examination, errorFields: ErrorFields): Fields {
  if (testMapping === undefined) return {};
  if ("error" in testMapping) return { testMapping: { error: errorFields(testMapping.error) } };
  const { lease, deletion } = testMapping.value;
  const { protocol, internalPort, externalPort, lifetimeSeconds, isVerified, attempts, elapsedMs } = lease;
  const lifetime = lifetimeSeconds === "permanent" ? { permanent: true } : { lifetimeSeconds };
  const verified = isVerified === undefined ? {} : { verified: isVerified };
  const granted = { protocol, internalPort, externalPort, ...lifetime, ...verified, attempts };
  const isDeleted = "value" in deletion;
  return {
    testMapping: {
      ...granted,
      elapsedMs: roundMs(elapsedMs),
      deleted: isDeleted,
      ...(isDeleted ? {} : { error: errorFields(deletion.error) }),
    },
  };
}
