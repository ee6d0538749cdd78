import { assertEquals } from "@std/assert";
import { judgeContainer } from "../../../lib/cli/doctor/container.ts";
import type { ContainerSigns } from "../../../lib/system/system.ts";

const NONE: ContainerSigns = { marks: [], controlGroups: "0::/init.scope" };

function looks(found: Partial<ContainerSigns>, gateway: string | undefined): string {
  const { isLikely, isBehindBridge } = judgeContainer({ ...NONE, ...found }, gateway);
  return isBehindBridge ? "behind a bridge" : isLikely ? "container" : "host";
}

const DOCKER = { marks: ["/.dockerenv"], isHalfOfPair: true };

for (
  const [found, gateway, verdict, what] of [
    [DOCKER, "172.17.0.1", "behind a bridge", "Docker's default network"],
    [DOCKER, "192.168.80.1", "behind a bridge", "a Docker network of one's own"],
    [{ marks: ["/run/.containerenv"], isHalfOfPair: true }, "10.88.0.1", "behind a bridge", "Podman"],
    [{ isHalfOfPair: true }, "172.18.0.1", "behind a bridge", "a pair to a usual bridge, with no other sign"],
    [
      { controlGroups: "1:name=systemd:/kubepods/x", isHalfOfPair: true },
      "10.1.0.1",
      "behind a bridge",
      "Kubernetes",
    ],
    [{ ...DOCKER, isHalfOfPair: false }, "192.168.1.1", "container", "a container with host networking"],
    [DOCKER, undefined, "container", "a container without a gateway"],
    [{ isHalfOfPair: true }, "10.77.0.1", "host", "a network namespace"],
    [{ isHalfOfPair: false }, "172.20.0.1", "host", "a home network that has Docker's numbers"],
    [{}, "172.17.0.1", "host", "a system that tells nothing of its links"],
    [{ isHalfOfPair: true }, "172.17.0.254", "host", "a router at the end of its network"],
    [{ isHalfOfPair: true }, "172.16.0.1", "host", "a network below Docker's"],
    [{ controlGroups: "0::/system.slice/docker-registry.mount" }, "192.168.1.1", "container", "a word alike"],
    [{ controlGroups: "0::/user.slice/dockerless" }, "192.168.1.1", "host", "a word that only begins alike"],
  ] as const
) {
  Deno.test(`judgeContainer() takes ${what} for: ${verdict}`, () => {
    assertEquals(looks(found, gateway), verdict);
  });
}

Deno.test("judgeContainer() names every sign", () => {
  const found = { ...DOCKER, controlGroups: "5:devices:/docker/0123" };
  assertEquals(judgeContainer(found, "172.17.0.1").signs, [
    "/.dockerenv",
    "control group docker",
    "gateway 172.17.0.1 is a common address of a container bridge",
    "the link to the gateway is one end of a virtual pair",
  ]);
  assertEquals(judgeContainer(NONE, "192.168.1.1").signs, []);
});
