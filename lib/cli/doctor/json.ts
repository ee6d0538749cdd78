import type { SocketBinding } from "../../gateway/mod.ts";
import { netmaskLength } from "../../gateway/prefix.ts";
import { classifyIpv4 } from "../../net/ipv4.ts";
import { failureOf } from "../failure.ts";
import { roundMs } from "../output.ts";
import { adviceFor } from "./advice.ts";
import { type Examination, firstError } from "./examination.ts";
import type { Finding } from "./findings.ts";

type Fields = Readonly<Record<string, unknown>>;

/** An examination as the object of `--json`. Fields that were not tried or are unknown are absent. */
export function reportFields(examination: Examination, findings: readonly Finding[]): Fields {
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
    ...addressFields(examination),
    ...announcementFields(examination),
    ...testFields(examination),
    ports,
    datagrams: trace.map(({ elapsedMs, text }) => ({
      elapsedMs: roundMs(elapsedMs),
      text: text.replace(/^\S+ ms /, ""),
    })),
    advice: findings.map((finding) => {
      const { kind, ...numbers } = finding;
      return { finding: kind, ...(kind === "failed" ? {} : numbers), message: adviceFor(finding) };
    }),
    ...(first === undefined ? {} : { error: errorFields(first.error, examination) }),
  };
}

function gatewayFields({ gateway }: Examination): Fields {
  if ("error" in gateway) return {};
  const { gateway: address, port, localAddress, interfaceName, reason, guessed, overrulesTable, binding } =
    gateway.value;
  return {
    gateway: address,
    port,
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

function announcementFields(examination: Examination): Fields {
  const { announcements } = examination;
  if (announcements === undefined) return {};
  return {
    announcements: "error" in announcements
      ? { canShare: false, error: errorFields(announcements.error, examination) }
      : { canShare: true },
  };
}

function testFields(examination: Examination): Fields {
  const { testMapping } = examination;
  if (testMapping === undefined) return {};
  if ("error" in testMapping) return { testMapping: { error: errorFields(testMapping.error, examination) } };
  const { lease, deletion } = testMapping.value;
  const { protocol, internalPort, externalPort, lifetimeSeconds, attempts, elapsedMs } = lease;
  const granted = { protocol, internalPort, externalPort, lifetimeSeconds, attempts };
  const isDeleted = "value" in deletion;
  return {
    testMapping: {
      ...granted,
      elapsedMs: roundMs(elapsedMs),
      deleted: isDeleted,
      ...(isDeleted ? {} : { error: errorFields(deletion.error, examination) }),
    },
  };
}

function errorFields(error: unknown, { gateway }: Examination): Fields {
  return failureOf(error).json;
}
