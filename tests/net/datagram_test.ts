import { assert, assertEquals, assertFalse, assertInstanceOf } from "@std/assert";
import { formatEndpoint, PortUnreachable, sameEndpoint } from "../../lib/net/datagram.ts";

Deno.test("sameEndpoint() compares address and port", () => {
  const endpoint = { hostname: "10.0.0.1", port: 5351 };
  assert(sameEndpoint(endpoint, { ...endpoint }));
  assertFalse(sameEndpoint(endpoint, { ...endpoint, port: 5350 }));
  assertFalse(sameEndpoint(endpoint, { ...endpoint, hostname: "10.0.0.11" }));
});

Deno.test("formatEndpoint() writes ADDR:PORT", () => {
  assertEquals(formatEndpoint({ hostname: "10.0.0.1", port: 5351 }), "10.0.0.1:5351");
});

Deno.test("PortUnreachable is an error that is known by class and by name", () => {
  const error = new PortUnreachable("nobody");
  assertInstanceOf(error, Error);
  assertEquals([error.name, error.message], ["PortUnreachable", "nobody"]);
});
