import { classifyIpv4, type Ipv4Class } from "../net/ipv4.ts";

const UNREACHABLE_CLASSES: Partial<Record<Ipv4Class, string>> = {
  private: "a private one",
  shared: "one that the provider shares among customers (100.64.0.0/10)",
  "link-local": "a link-local one",
  loopback: "a loopback one",
};

/** The warning about an external address that the Internet cannot reach; `undefined` when the address needs none. */
export function addressWarning(externalAddress: string): string | undefined {
  const kind = UNREACHABLE_CLASSES[classifyIpv4(externalAddress)];
  return kind &&
    `The external address ${externalAddress} is ${kind}: another router in front of this one has to ` +
      `forward the port too (double NAT)`;
}
