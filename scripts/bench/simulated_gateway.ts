import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** A gateway on a free port of loopback. */
export interface SimulatedGatewayProcess extends AsyncDisposable {
  /** `ADDRESS:PORT`. */
  readonly address: string;
}

/**
 * Starts `natpmp simulate` from source.
 *
 * @returns The gateway, once it listens; it ends when it is disposed of.
 */
export async function startSimulatedGateway(): Promise<SimulatedGatewayProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", MAIN, "simulate", "--listen", "127.0.0.1:0", "--fault", "no-announcement"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const stream = child.stdout.pipeThrough(new TextDecoderStream());
  let printed = "";
  // Somebody has to read its line for each request, or it would stop at a full pipe.
  const { promise: address, resolve, reject } = Promise.withResolvers<string>();
  const drained = (async () => {
    for await (const text of stream) {
      if (printed.length < 1000) printed += text;
      const listening = /listening on (\S+),/.exec(printed)?.[1];
      if (listening !== undefined) resolve(listening);
    }
    reject(new Error(`The simulated router ended: ${printed}`));
  })();
  return {
    address: await address,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await Promise.all([child.status, drained]);
    },
  };
}
