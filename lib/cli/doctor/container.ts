import { parseIpv4 } from "../../net/ipv4.ts";
import type { ContainerSigns } from "../../system/system.ts";

/** A guess from the signs; they prove nothing. */
export interface ContainerVerdict {
  /** Whether this looks like a container. */
  readonly isLikely: boolean;
  /** Whether it looks like one behind a bridge of its host, whose gateway is then the host and not a router. */
  readonly isBehindBridge: boolean;
  /** The signs that speak for it, in words. */
  readonly signs: readonly string[];
}

const CONTROL_GROUPS = /\b(docker|containerd|kubepods|libpod|lxc|garden)\b/;

/** Judges whether this looks like a container behind a bridge of its host; pure. */
export function judgeContainer(found: ContainerSigns, gateway: string | undefined): ContainerVerdict {
  const [controlGroup] = CONTROL_GROUPS.exec(found.controlGroups) ?? [];
  const own = [...found.marks, ...(controlGroup === undefined ? [] : [`control group ${controlGroup}`])];
  const bridge = gateway !== undefined && isUsualBridge(gateway);
  const pair = found.isHalfOfPair === true;
  return {
    // Neither a veth nor such an address alone: a network namespace has the one, a home network may have the other.
    isLikely: own.length > 0 || (bridge && pair),
    isBehindBridge: (own.length > 0 && gateway !== undefined && (bridge || pair)) || (bridge && pair),
    signs: [
      ...own,
      ...(bridge ? [`gateway ${gateway} is a common address of a container bridge`] : []),
      ...(pair ? ["the link to the gateway is one end of a virtual pair"] : []),
    ],
  };
}

/** Docker takes 172.17.0.0/16 to 172.31.0.0/16 for its bridges, Podman 10.88.0.0/16; the host is the first address. */
function isUsualBridge(gateway: string): boolean {
  const [a, b, c, d] = parseIpv4(gateway) ?? [];
  if (d !== 1) return false;
  return (a === 172 && b! >= 17 && b! <= 31) || (a === 10 && b === 88 && c === 0);
}
