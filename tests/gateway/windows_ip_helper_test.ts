import { assertEquals, assertThrows } from "@std/assert";
import { readTable } from "../../lib/gateway/windows_ip_helper.ts";

const INSUFFICIENT = 122;

Deno.test("readTable() asks for the size, then for the rows", () => {
  const table = readTable((bytes, size) => {
    if (bytes.length < 3) {
      size[0] = 3;
      return INSUFFICIENT;
    }
    bytes.set([1, 2, 3]);
    return 0;
  }, "GetIpForwardTable");
  assertEquals(table, Uint8Array.of(1, 2, 3));
});

Deno.test("readTable() copes with a table that grows meanwhile", () => {
  let wanted = 10;
  const table = readTable((bytes, size) => {
    if (bytes.length >= wanted) return 0;
    size[0] = wanted;
    if (wanted < 12) wanted++;
    return INSUFFICIENT;
  }, "GetIpForwardTable");
  assertEquals(table.length, 12);
});

Deno.test("readTable() throws what the function says, and does not try for ever", () => {
  assertThrows(() => readTable(() => 50, "GetIpAddrTable"), Error, "GetIpAddrTable failed with code 50");
  assertThrows(() => readTable(() => INSUFFICIENT, "GetIpAddrTable"), Error, "code 122");
});
