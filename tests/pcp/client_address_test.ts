// The external address by a short mapping (RFC 6887 §11.6).

import { assertEquals, assertRejects } from "@std/assert";
import { NoAnswerError, PortMapperError, RefusedError } from "../../lib/errors.ts";
import type { DatagramSocket } from "../../lib/net/datagram.ts";
import type { PcpClientOptions } from "../../lib/pcp/client.ts";
import {
  type Answer,
  EXTERNAL,
  fieldsOf,
  granted,
  HOST,
  NONCE_1,
  NONCE_2,
  PcpLab,
  refused,
} from "./pcp_lab.ts";

/** A lab that knows every socket of the client. */
function socketLab(answer?: Answer, options: PcpClientOptions = {}) {
  const sockets: { readonly local: DatagramSocket["local"]; isOpen: boolean }[] = [];
  const lab: PcpLab = new PcpLab(answer, {
    openSocket: (local) => {
      const socket = lab.host.open(local);
      const record = { local: socket.local, isOpen: true };
      sockets.push(record);
      return {
        local: socket.local,
        send: (data, to) => socket.send(data, to),
        receive: () => socket.receive(),
        close() {
          record.isOpen = false;
          socket.close();
        },
      };
    },
    ...options,
  });
  return { lab, sockets };
}

Deno.test("PcpClient.findAddress() maps an ephemeral UDP port for 120 s, deletes the mapping and gives its address", async () => {
  const lab = new PcpLab();
  assertEquals(await lab.run(lab.client.findAddress()), {
    externalAddress: EXTERNAL,
    epochSeconds: 74_565,
    attempts: 2,
    elapsedMs: 0,
  });
  const [mapped, deleted] = lab.heard.map(fieldsOf);
  assertEquals([mapped?.protocol, mapped?.lifetime, mapped?.externalPort], [17, 120, 0]);
  assertEquals(deleted, { ...mapped!, lifetime: 0 });
  assertEquals(mapped?.nonce, NONCE_1);
});

Deno.test("PcpClient.findAddress() holds the port on its own address until the mapping is deleted", async () => {
  const heldFor: boolean[] = [];
  const { lab, sockets } = socketLab((request) => {
    const { internalPort } = fieldsOf(request);
    heldFor.push(
      sockets.some(({ local, isOpen }) => isOpen && local.hostname === HOST && local.port === internalPort),
    );
    return [granted(request)];
  });
  await lab.run(lab.client.findAddress());
  assertEquals(heldFor, [true, true]);
  assertEquals(sockets.map(({ isOpen }) => isOpen), [false, false, false]);
});

Deno.test("PcpClient.findAddress() leaves no socket open when it fails", async () => {
  for (const answer of [() => [], (request: Uint8Array) => [refused(request, 2)]]) {
    const { lab, sockets } = socketLab(answer);
    await assertRejects(() => lab.run(lab.client.findAddress()), PortMapperError);
    assertEquals(sockets.map(({ isOpen }) => isOpen), [false, false]);
  }
});

Deno.test("PcpClient.findAddress() takes no port that a mapping of its client leads to", async () => {
  const { lab, sockets } = socketLab();
  await lab.run(lab.client.probe());
  // The host hands out one port after the other: the next request has the next one, and then it is this one's turn.
  const internalPort = lab.sources[0]! + 2;
  // It ends too soon to be asked for instead.
  await lab.run(lab.client.map({ protocol: "udp", internalPort, lifetimeSeconds: 5 }));
  await lab.run(lab.client.findAddress());
  assertEquals(fieldsOf(lab.heard[2]!).internalPort, internalPort + 1);
  assertEquals(sockets.filter(({ isOpen }) => isOpen), []);
});

Deno.test("PcpClient.findAddress() leaves nothing behind: neither its nonce nor its port is taken for a mapping's", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.findAddress());
  const { internalPort } = fieldsOf(lab.heard[0]!);
  assertEquals(lab.client.tokenOf({ protocol: "udp", internalPort }), undefined);
  await lab.run(lab.client.map({ protocol: "udp", internalPort }));
  assertEquals([fieldsOf(lab.heard[2]!).nonce, fieldsOf(lab.heard[2]!).externalPort], [NONCE_2, 0]);
});

Deno.test("PcpClient.findAddress() gives the address also when the deletion is refused, and adds the efforts", async () => {
  const lab = new PcpLab((request, nth) =>
    nth === 1 ? [] : [nth === 2 ? granted(request) : refused(request, 2)]
  );
  const { externalAddress, attempts, elapsedMs } = await lab.run(lab.client.findAddress());
  assertEquals([externalAddress, attempts, elapsedMs], [EXTERNAL, 3, 250]);
});

Deno.test("PcpClient.findAddress() sends an unanswered deletion twice, and then lets the mapping end", async () => {
  const lab = new PcpLab((request, nth) => nth === 1 ? [granted(request)] : []);
  const { attempts, elapsedMs } = await lab.run(lab.client.findAddress());
  assertEquals([attempts, elapsedMs, lab.heardAtMs], [3, 750, [0, 0, 250]]);
});

Deno.test("PcpClient.findAddress() takes no longer than it may, and sends the deletion once at least", async () => {
  const lab = new PcpLab((request, nth) => nth === 3 ? [granted(request)] : []);
  const { attempts, elapsedMs } = await lab.run(lab.client.findAddress({ timeoutMs: 800 }));
  assertEquals([attempts, elapsedMs], [4, 800]);
});

Deno.test("PcpClient.findAddress() deletes the mapping also when there is no address", async () => {
  const lab = new PcpLab((request) => [granted(request, { externalAddress: "0.0.0.0" })]);
  const error = await assertRejects(() => lab.run(lab.client.findAddress()), RefusedError);
  assertEquals([error.refusal, error.effort], ["network-failure", { attempts: 2, elapsedMs: 0 }]);
  assertEquals(lab.heard.map((data) => fieldsOf(data).lifetime), [120, 0]);
});

Deno.test("PcpClient.findAddress() ends with silence, and with the signal's reason during the deletion", async () => {
  const silent = new PcpLab(() => []);
  await assertRejects(() => silent.run(silent.client.findAddress()), NoAnswerError);
  const lab = new PcpLab((request, nth) => nth === 1 ? [granted(request)] : []);
  const controller = new AbortController();
  void lab.clock.sleep(100).then(() => controller.abort(new Error("enough")));
  await assertRejects(() => lab.run(lab.client.findAddress({ signal: controller.signal })), Error, "enough");
});

// ---- by a mapping that stands ----

const AT_8080 = { protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 3600 } as const;

Deno.test("PcpClient.findAddress() asks for a mapping that stands as for its renewal: one datagram, and no other mapping", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map({ ...AT_8080, internalPort: 81, lifetimeSeconds: 60 }));
  await lab.run(lab.client.map(AT_8080));
  await lab.run(lab.clock.sleep(1_800_000));
  lab.answer = (request) => [granted(request, { externalAddress: "203.0.113.99" })];
  const { externalAddress, attempts } = await lab.run(lab.client.findAddress());
  assertEquals([externalAddress, attempts, lab.heard.length], ["203.0.113.99", 1, 3]);
  const [, first, again] = lab.heard.map(fieldsOf);
  assertEquals(
    [again?.nonce, again?.internalPort, again?.externalPort, again?.lifetime],
    [first?.nonce, 80, 8080, 3600],
  );
});

Deno.test("PcpClient.findAddress() asks for a lease of an earlier process, and for none of another protocol", async () => {
  const lab = new PcpLab();
  const lease = { ...AT_8080, token: NONCE_2, expiresAtMs: lab.clock.now() + 60_000 };
  lab.client.adopt([{ ...lease, via: "pcp" }]);
  await lab.run(lab.client.findAddress());
  assertEquals(lab.heard.map(fieldsOf).map(({ nonce, internalPort }) => [nonce, internalPort]), [[
    NONCE_2,
    80,
  ]]);
  lab.client.adopt([{ ...lease, via: "nat-pmp" }]);
  await lab.run(lab.client.findAddress());
  assertEquals(lab.heard.map(fieldsOf).filter(({ nonce }) => nonce === NONCE_2).length, 1);
});

Deno.test("PcpClient.findAddress() makes a mapping of its own where renewals are refused", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(AT_8080));
  lab.answer = (request) => [fieldsOf(request).internalPort === 80 ? refused(request, 8) : granted(request)];
  const { externalAddress } = await lab.run(lab.client.findAddress());
  assertEquals(externalAddress, EXTERNAL);
  assertEquals(lab.heard.map(fieldsOf).map(({ lifetime }) => lifetime), [3600, 3600, 120, 0]);
});

Deno.test("PcpClient takes a standing mapping that has moved to another port for a loss of state", async () => {
  const lab = new PcpLab();
  let losses = 0;
  lab.client.onStateLost(() => void losses++);
  await lab.run(lab.client.map(AT_8080));
  await lab.run(lab.client.findAddress());
  assertEquals(losses, 0);
  lab.answer = (request) => [granted(request, { externalPort: 40_000 })];
  await lab.run(lab.client.findAddress());
  assertEquals(losses, 1);
});
