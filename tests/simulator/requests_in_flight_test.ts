import { assertEquals } from "@std/assert";
import { RequestsInFlight } from "../../lib/simulator/requests_in_flight.ts";

const ADDRESS = Uint8Array.of(0, 0);
const OTHER = Uint8Array.of(0, 1);

function datagram(data: Uint8Array, hostname = "192.168.1.2", port = 50_000) {
  return { data, source: { hostname, port } };
}

Deno.test("RequestsInFlight counts two requests of one host at a time, on whatever ports (§3.1)", () => {
  const requests = new RequestsInFlight();
  requests.add(datagram(ADDRESS), { nowMs: 0, answeredAtMs: 500 });
  requests.add(datagram(OTHER, "192.168.1.2", 50_001), { nowMs: 499, answeredAtMs: 999 });
  assertEquals(requests.most, 2);
});

Deno.test("RequestsInFlight counts one when the next comes after the answer (§3.1)", () => {
  const requests = new RequestsInFlight();
  requests.add(datagram(ADDRESS), { nowMs: 0, answeredAtMs: 500 });
  requests.add(datagram(OTHER), { nowMs: 500, answeredAtMs: 1000 });
  assertEquals(requests.most, 1);
});

Deno.test("RequestsInFlight takes a request that is sent again for the same one, ended by its first answer", () => {
  const requests = new RequestsInFlight();
  requests.add(datagram(ADDRESS), { nowMs: 0, answeredAtMs: 500 });
  requests.add(datagram(ADDRESS), { nowMs: 250, answeredAtMs: 750 });
  requests.add(datagram(OTHER), { nowMs: 500, answeredAtMs: 1000 });
  assertEquals(requests.most, 1);
});

Deno.test("RequestsInFlight counts each host for itself (§3.1)", () => {
  const requests = new RequestsInFlight();
  requests.add(datagram(ADDRESS), { nowMs: 0, answeredAtMs: 500 });
  requests.add(datagram(OTHER, "192.168.1.3"), { nowMs: 0, answeredAtMs: 500 });
  assertEquals(requests.most, 1);
});
