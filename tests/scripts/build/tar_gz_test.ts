import { assertEquals, assertThrows } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { tarGz } from "../../../scripts/build/tar_gz.ts";

const FILES = [
  { path: "d/run", bytes: new TextEncoder().encode("#!/bin/sh\n"), isExecutable: true },
  { path: "d/a.txt", bytes: new TextEncoder().encode("hello\n"), isExecutable: false },
];

/**
 * Of what GNU tar 1.34 made of these files: `tar --format=ustar --owner=root:0 --group=root:0 -b 1`. It has no
 * compression, of which the bytes are the library's affair.
 */
const GNU_TAR_SHA256 = "d274df6ae1709cb83d3678f827b058a427230bc3739dd93ab6988977567f6284";

Deno.test("tarGz() writes what GNU tar writes of the same files", async () => {
  const tape = new Uint8Array(gunzipSync(tarGz(FILES, { timeSeconds: 1_700_000_000 })));
  assertEquals(new Uint8Array(await crypto.subtle.digest("SHA-256", tape)).toHex(), GNU_TAR_SHA256);
});

Deno.test("tarGz() tells neither when nor on what system it ran (RFC 1952 §2.3.1)", () => {
  const header = tarGz(FILES, { timeSeconds: 1_700_000_000 }).subarray(0, 10);
  assertEquals([...header.subarray(0, 8)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
  assertEquals(header[9], 255);
});

Deno.test("tarGz() refuses a path that the format has no room for", () => {
  const file = { path: "x".repeat(101), bytes: new Uint8Array(), isExecutable: false };
  assertThrows(() => tarGz([file], { timeSeconds: 0 }), RangeError, "is over 100 bytes");
});
