/**
 * Somebody out on the internet who tries a port: sends a random token and prints the name of the responder that
 * gave it back. Runs as a process inside a namespace:
 * `deno run --unstable-net --allow-net prober.ts tcp|udp ADDRESS PORT DEADLINE_MS`. The exit code is
 * {@linkcode NO_ANSWER} when the port was dead; every other failure is the prober's own.
 *
 * @module
 */

/** Exit code: nothing came back, or the connection was refused. */
export const NO_ANSWER = 3;

const [protocol, hostname = "", portText, deadlineText] = Deno.args;
const port = Number(portText);
const token = crypto.randomUUID();
const RESEND_MS = 100;

/** Prints the responder's name if this is an answer to our token. */
function accept(answer: Uint8Array): void {
  const [name, echoed] = new TextDecoder().decode(answer).split(" ");
  if (echoed !== token) return;
  console.log(name);
  Deno.exit(0);
}

async function probeTcp(): Promise<void> {
  const connection = await Deno.connect({ hostname, port });
  await connection.write(new TextEncoder().encode(token));
  const answer = new Uint8Array(256);
  const length = await connection.read(answer);
  if (length !== null) accept(answer.subarray(0, length));
}

async function probeUdp(): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  const send = () => socket.send(new TextEncoder().encode(token), { transport: "udp", hostname, port });
  setInterval(send, RESEND_MS);
  await send();
  for await (const [answer] of socket) accept(answer);
}

if (import.meta.main) {
  setTimeout(() => Deno.exit(NO_ANSWER), Number(deadlineText));
  try {
    await (protocol === "udp" ? probeUdp() : probeTcp());
  } catch (error) {
    const { ConnectionRefused, ConnectionReset } = Deno.errors;
    if (!(error instanceof ConnectionRefused || error instanceof ConnectionReset)) throw error;
  }
  Deno.exit(NO_ANSWER);
}
