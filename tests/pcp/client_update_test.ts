// News of mappings that nobody asked for (RFC 6887 §14.2), at the client: what is heard, and how long.

import { assertEquals } from "@std/assert";
import { GATEWAY, granted, HOST, PcpLab, type ReplyFields, SERVER } from "./pcp_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80, externalPort: 8080 } as const;

/** A client that listens, and has been granted a mapping. */
class Listening extends PcpLab {
  updates = 0;
  readonly stop = this.client.onUpdate(() => void this.updates++);

  async map(internalPort = 80): Promise<void> {
    await this.run(this.client.map({ ...TCP_80, internalPort }));
  }

  /** Sends an update about the nth request to where that came from. */
  async send(
    nth: number,
    fields: ReplyFields,
    changes: { bytes?: Uint8Array; port?: number } = {},
  ): Promise<void> {
    const data = changes.bytes ?? granted(this.heard[nth]!, fields);
    const source = { ...SERVER, port: changes.port ?? SERVER.port };
    this.network.host(GATEWAY).emit({ data, source }, { hostname: HOST, port: this.sources[nth]! });
    await this.run(this.clock.sleep(10));
  }
}

Deno.test("an update with another address or port is news, and a copy of the reply is not", async () => {
  const lab = new Listening();
  await lab.map();
  await lab.send(0, {});
  assertEquals(lab.updates, 0);
  await lab.send(0, { externalAddress: "203.0.113.99" });
  assertEquals(lab.updates, 1);
  await lab.send(0, { externalPort: 40_001 });
  assertEquals(lab.updates, 2);
  // Nothing of it is believed: the next request suggests what was granted.
  await lab.map();
  assertEquals(new DataView(lab.heard[1]!.buffer).getUint16(42), 8080);
  lab.stop();
});

Deno.test("an update with another nonce, from another port, refused or cut is not news", async () => {
  const lab = new Listening();
  await lab.map();
  const moved = { externalAddress: "203.0.113.99" };
  const bytes = granted(lab.heard[0]!, moved);
  await lab.send(0, moved, { port: 5352 });
  await lab.send(0, moved, { bytes: bytes.with(24, bytes[24]! ^ 1) });
  await lab.send(0, moved, { bytes: bytes.with(36, 17) });
  await lab.send(0, moved, { bytes: bytes.with(41, 81) });
  await lab.send(0, moved, { bytes: bytes.with(3, 2) });
  for (const length of [0, 1, 8, 24, 59, 61]) {
    await lab.send(0, moved, { bytes: Uint8Array.from({ length }, (_, i) => bytes[i] ?? 0) });
  }
  assertEquals(lab.updates, 0);
  await lab.send(0, moved);
  assertEquals(lab.updates, 1);
  lab.stop();
});

Deno.test("a mapping is heard where it was asked for last, until it is deleted", async () => {
  const lab = new Listening();
  await lab.map();
  await lab.map();
  const moved = { externalAddress: "203.0.113.99" };
  await lab.send(0, moved);
  assertEquals(lab.updates, 0);
  await lab.send(1, moved);
  assertEquals(lab.updates, 1);
  await lab.run(lab.client.unmap(TCP_80));
  await lab.send(1, moved);
  assertEquals(lab.updates, 1);
  lab.stop();
});

Deno.test("the newest eight mappings are heard, which is enough for one question", async () => {
  const lab = new Listening();
  for (let port = 1; port <= 10; port++) await lab.map(port);
  for (let nth = 0; nth < 10; nth++) await lab.send(nth, { externalAddress: "203.0.113.99" });
  assertEquals(lab.updates, 8);
  lab.stop();
});

Deno.test("nothing is heard unless somebody listens", async () => {
  const lab = new Listening();
  await lab.map();
  lab.stop();
  await lab.send(0, { externalAddress: "203.0.113.99" });
  await lab.map();
  await lab.send(1, { externalAddress: "203.0.113.99" });
  assertEquals(lab.updates, 0);
});
