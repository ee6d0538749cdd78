/**
 * The service behind a mapping: answers each token with its own name and the token. Runs as a process inside a
 * namespace: `deno run --unstable-net --allow-net responder.ts tcp|udp PORT NAME`, until standard input closes.
 *
 * @module
 */

const [protocol, portText, name] = Deno.args;
const port = Number(portText);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function answerTo(token: Uint8Array): Uint8Array {
  return encoder.encode(`${name}:${port} ${decoder.decode(token)}`);
}

async function serveConnection(connection: Deno.Conn): Promise<void> {
  const token = new Uint8Array(256);
  try {
    const length = await connection.read(token);
    if (length !== null) await connection.write(answerTo(token.subarray(0, length)));
  } catch {
    // A peer that has given up is not this service's concern.
  } finally {
    connection.close();
  }
}

async function serveTcp(): Promise<void> {
  const listener = Deno.listen({ hostname: "0.0.0.0", port });
  console.log("ready");
  for await (const connection of listener) serveConnection(connection);
}

async function serveUdp(): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port });
  console.log("ready");
  for await (const [token, from] of socket) await socket.send(answerTo(token), from);
}

/** Ends with the process that started this one, however that ended. */
async function exitWithOwner(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}

if (import.meta.main) {
  exitWithOwner();
  await (protocol === "udp" ? serveUdp() : serveTcp());
}
