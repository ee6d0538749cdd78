/**
 * The pages of the manual. They are in the program as text, each loaded when somebody reads it.
 *
 * @module
 */

import { type Topic, TOPICS } from "../option_table.ts";

const LOADERS: Readonly<Record<Topic, () => Promise<{ readonly default: string }>>> = {
  "map": () => import("./map.md", { with: { type: "text" } }),
  "watch": () => import("./watch.md", { with: { type: "text" } }),
  "cron": () => import("./cron.md", { with: { type: "text" } }),
  "config": () => import("./config.md", { with: { type: "text" } }),
  "status": () => import("./status.md", { with: { type: "text" } }),
  "service": () => import("./service.md", { with: { type: "text" } }),
  "hooks": () => import("./hooks.md", { with: { type: "text" } }),
  "json": () => import("./json.md", { with: { type: "text" } }),
  "exit-codes": () => import("./exit-codes.md", { with: { type: "text" } }),
  "gateways": () => import("./gateways.md", { with: { type: "text" } }),
  "protocols": () => import("./protocols.md", { with: { type: "text" } }),
  "ipv6": () => import("./ipv6.md", { with: { type: "text" } }),
  "containers": () => import("./containers.md", { with: { type: "text" } }),
  "proton-vpn": () => import("./proton-vpn.md", { with: { type: "text" } }),
  "small-systems": () => import("./small-systems.md", { with: { type: "text" } }),
  "troubleshooting": () => import("./troubleshooting.md", { with: { type: "text" } }),
  "security": () => import("./security.md", { with: { type: "text" } }),
  "simulate": () => import("./simulate.md", { with: { type: "text" } }),
  "install": () => import("./install.md", { with: { type: "text" } }),
};

/** A page in Markdown. */
export async function pageOf(topic: Topic): Promise<string> {
  return (await LOADERS[topic]()).default;
}

/** The title of each page, from its first line. */
export function pageTitles(): Promise<(readonly [topic: Topic, title: string])[]> {
  return Promise.all(TOPICS.map(async (topic) => [topic, titleOf(await pageOf(topic))] as const));
}

/** The title in the first line of a page. */
export function titleOf(page: string): string {
  const [line = ""] = page.split("\n", 1);
  return line.slice(line.indexOf(": ") + 2);
}
