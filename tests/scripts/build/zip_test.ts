import { assertEquals } from "@std/assert";
import { zip } from "../../../scripts/build/zip.ts";

const FILES = [
  { path: "d/run", bytes: new TextEncoder().encode("#!/bin/sh\n"), isExecutable: true },
  { path: "d/a.txt", bytes: new TextEncoder().encode("hello\n"), isExecutable: false },
];

/** What Python 3.12's zipfile made of these files, at level 9, with their Unix access rights. */
const PYTHON_ZIP =
  "504b0304140000000800aab16e5720303a36080000000600000007000000642f612e747874cb48cdc9c9e70200504b0304140000000800aab1" +
  "6e571d9dfb040c0000000a00000005000000642f72756e5356d44fcaccd32fcee00200504b01021403140000000800aab16e5720303a360800" +
  "000006000000070000000000000000000000a48100000000642f612e747874504b01021403140000000800aab16e571d9dfb040c0000000a00" +
  "0000050000000000000000000000ed812d000000642f72756e504b05060000000002000200680000005c0000000000";

Deno.test("zip() writes what Python's zipfile writes of the same files", () => {
  assertEquals(zip(FILES, { timeSeconds: 1_700_000_000 }).toHex(), PYTHON_ZIP);
});

Deno.test("zip() of nothing is an empty archive", () => {
  assertEquals(zip([], { timeSeconds: 1_700_000_000 }).toHex(), `504b0506${"00".repeat(18)}`);
});
