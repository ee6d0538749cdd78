/**
 * Whole-process time of `natpmp map` at a router that speaks UPnP alone, a real miniupnpd in network namespaces, beside
 * `upnpc -a` of Debian's miniupnpc, in turn: at a router that nobody knows yet (cold), and at one whose control URL is in
 * the state (warm). Needs root, miniupnpd, nftables and miniupnpc.
 *
 * Usage: deno task bench:upnp [PATH OF A COMPILED BINARY]
 *
 * @module
 */

import { GatewayLab } from "../tests/support/gateway_lab.ts";
import { type CommandResult, runCommand } from "../tests/support/command.ts";
import { sourceCommand } from "./bench/source_command.ts";

const ROUNDS = 10;
const UPNPC = "upnpc -a";
const binary = Deno.args[0];
const program = binary === undefined ? await sourceCommand() : [binary];

await using lab = await GatewayLab.create({ isUpnpOnly: true });
const namespace = lab.cli.name;
const warmHome = `${lab.directory}/warm`;
const map = (stateHome: string) =>
  runCommand([...program, "map", "8080:80"], { namespace, env: { XDG_STATE_HOME: stateHome } });

const RUNS: Readonly<Record<string, (round: number) => Promise<CommandResult>>> = {
  [UPNPC]: () => runCommand(["upnpc", "-a", "10.77.0.2", "81", "8081", "TCP", "3600"], { namespace }),
  "natpmp map, cold": (round) => map(`${lab.directory}/cold-${round}`),
  "natpmp map, warm": () => map(warmHome),
};

await map(warmHome);
const samples = new Map<string, number[]>(Object.keys(RUNS).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(RUNS)) {
    const { code, stderr, elapsedMs } = await run(round);
    if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}`);
    samples.get(name)!.push(elapsedMs);
  }
}

const medianOf = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
const floor = medianOf(samples.get(UPNPC)!);
for (const [name, times] of samples) {
  const median = medianOf(times);
  console.log(
    `${name.padEnd(20)}${median.toFixed(1).padStart(9)} ms${`${(median / floor).toFixed(3)}x`.padStart(9)}`,
  );
}
console.log(`Deno ${Deno.version.deno}, medians of ${ROUNDS} runs; ratios to ${UPNPC}`);
