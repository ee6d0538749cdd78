import { assertEquals } from "@std/assert";
import { decodeSockaddr, encodeSockaddr, socketAbi } from "../../lib/net/socket_abi.ts";

// The bytes are those of `struct sockaddr_in` in Linux' include/uapi/linux/in.h and macOS' netinet/in.h.
Deno.test("encodeSockaddr() writes a two-byte family on Linux", () => {
  assertEquals(
    encodeSockaddr({ hostname: "10.0.0.1", port: 5351 }, "linux"),
    Uint8Array.of(2, 0, 0x14, 0xe7, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
  );
});

Deno.test("encodeSockaddr() writes a length and a one-byte family on macOS", () => {
  assertEquals(
    encodeSockaddr({ hostname: "10.0.0.1", port: 5351 }, "bsd"),
    Uint8Array.of(16, 2, 0x14, 0xe7, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
  );
});

Deno.test("encodeSockaddr() has no bytes for what is no IPv4 address", () => {
  assertEquals(encodeSockaddr({ hostname: "gateway.lan", port: 5351 }, "linux"), undefined);
});

Deno.test("decodeSockaddr() reads either layout and refuses another family", () => {
  const rest = [0x14, 0xe7, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
  const expected = { hostname: "10.0.0.1", port: 5351 };
  assertEquals(decodeSockaddr(Uint8Array.of(2, 0, ...rest), "linux"), expected);
  assertEquals(decodeSockaddr(Uint8Array.of(16, 2, ...rest), "bsd"), expected);
  assertEquals(decodeSockaddr(Uint8Array.of(10, 0, ...rest), "linux"), undefined);
  assertEquals(decodeSockaddr(Uint8Array.of(28, 30, ...rest), "bsd"), undefined);
  assertEquals(decodeSockaddr(Uint8Array.of(2, 0, 1), "linux"), undefined);
});

Deno.test("socketAbi() knows Linux and macOS on both processors, and nothing else", () => {
  for (const arch of ["x86_64", "aarch64"]) {
    // From asm-generic/socket.h and asm-generic/errno.h; from macOS' sys/socket.h and sys/errno.h.
    const linux = socketAbi("linux", arch);
    assertEquals([linux?.solSocket, linux?.soError, linux?.connectionRefused], [1, 4, 111]);
    const darwin = socketAbi("darwin", arch);
    assertEquals([darwin?.solSocket, darwin?.soError, darwin?.connectionRefused], [0xffff, 0x1007, 61]);
  }
  for (const os of ["windows", "freebsd", "android"]) assertEquals(socketAbi(os, "x86_64"), undefined);
  assertEquals(socketAbi("linux", "riscv64"), undefined);
});
