import { classifyIpv4, type Ipv4Class } from "../net/ipv4.ts";

const UNREACHABLE_CLASSES: Partial<Record<Ipv4Class, string>> = {
  private: "private",
  shared: "shared by several customers of the provider (100.64.0.0/10)",
  "link-local": "link-local",
  loopback: "a loopback address",
};

/** The warning about an external address that the Internet cannot reach; `undefined` when the address needs none. */
export function addressWarning(externalAddress: string): string | undefined {
  const kind = UNREACHABLE_CLASSES[classifyIpv4(externalAddress)];
  return kind &&
    `The external address ${externalAddress} is ${kind}: another router between this one and the ` +
      `Internet has to forward the port too (double NAT)`;
}
