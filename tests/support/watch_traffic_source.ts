/**
 * Somebody out on the internet who connects again and again, each time with a new flow. Runs as a process inside a
 * namespace: `deno run --allow-net watch_traffic_source.ts ADDRESS PORT EVERY_MS`, until standard input closes. Prints a
 * line for each try: `ok AT_MS NAME` or `failed AT_MS REASON`, with the wall clock's milliseconds at which it began.
 *
 * @module
 */

const [hostname = "", portText, everyText] = Deno.args;
/** Far more than it takes. */
const DEADLINE_MS = 2000;
/** Far longer than miniupnpd takes to renew, which it does by removing the rule and adding it again. */
const AGAIN_MS = 50;

/** A connection that is refused once came between the two halves of a renewal; one that is refused again did not. */
async function tryTwice(): Promise<string> {
  try {
    return await tryOnce();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    return await tryOnce();
  }
}

async function tryOnce(): Promise<string> {
  const connection = await Deno.connect({ hostname, port: Number(portText) });
  try {
    const token = crypto.randomUUID();
    await connection.write(new TextEncoder().encode(token));
    const answer = new Uint8Array(256);
    const length = await connection.read(answer);
    const [name, echoed] = new TextDecoder().decode(answer.subarray(0, length ?? 0)).split(" ");
    if (name === undefined || echoed !== token) throw new Error("another answer");
    return name;
  } finally {
    connection.close();
  }
}

async function report(): Promise<void> {
  const atMs = Date.now();
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer")), DEADLINE_MS);
  try {
    console.log(`ok ${atMs} ${await Promise.race([tryTwice(), promise])}`);
  } catch (error) {
    console.log(`failed ${atMs} ${error}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends with the process that started this one, however that ended. */
async function exitWithOwner(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}

if (import.meta.main) {
  exitWithOwner();
  setInterval(report, Number(everyText));
  await report();
}
