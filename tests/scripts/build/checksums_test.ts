import { assertEquals } from "@std/assert";
import { writeChecksums } from "../../../scripts/build/checksums.ts";

Deno.test("writeChecksums() lists this version's archives by name, as sha256sum does", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/natpmp-0.1.0-windows-x64.zip`, "abc");
    await Deno.writeTextFile(`${directory}/natpmp-0.1.0-linux-arm64.tar.gz`, "");
    for (const other of ["natpmp", "natpmp-0.1.0-linux-x64", "natpmp-0.0.9-linux-x64.tar.gz", "SHA256SUMS"]) {
      await Deno.writeTextFile(`${directory}/${other}`, "other");
    }
    await Deno.mkdir(`${directory}/natpmp-0.1.0-directory.zip`);
    await writeChecksums(directory, "0.1.0");
    // FIPS 180-4's examples.
    assertEquals(
      await Deno.readTextFile(`${directory}/SHA256SUMS`),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  natpmp-0.1.0-linux-arm64.tar.gz\n" +
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  natpmp-0.1.0-windows-x64.zip\n",
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
