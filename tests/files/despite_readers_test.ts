import { assertEquals, assertRejects } from "@std/assert";
import { despiteReaders } from "../../lib/files/despite_readers.ts";

/** Something that fails as often as there are errors, and a clock that only notes. */
function attempt(errors: readonly Error[]) {
  const slept: number[] = [];
  let calls = 0;
  return {
    slept,
    get calls() {
      return calls;
    },
    act(): Promise<string> {
      const error = errors[calls++];
      return error === undefined ? Promise.resolve("done") : Promise.reject(error);
    },
    clock: {
      sleep(ms: number) {
        slept.push(ms);
        return Promise.resolve();
      },
    },
  };
}

const ACCESS_DENIED = new Deno.errors.PermissionDenied("Access denied. (os error 5): rename 'a' -> 'b'");
const SHARING_VIOLATION = new Error("The process cannot access the file. (os error 32): remove 'a'");

Deno.test("despiteReaders() on Windows waits until a file is no longer open, a little longer each time", async () => {
  const { act, clock, slept } = attempt([ACCESS_DENIED, SHARING_VIOLATION, ACCESS_DENIED]);
  assertEquals(await despiteReaders(act, { os: "windows", clock }), "done");
  assertEquals(slept, [5, 10, 20]);
});

Deno.test("despiteReaders() on Windows gives up within a second, with the system's own error", async () => {
  const tried = attempt(Array.from({ length: 100 }, () => ACCESS_DENIED));
  const { act, clock, slept } = tried;
  await assertRejects(
    () => despiteReaders(act, { os: "windows", clock }),
    Deno.errors.PermissionDenied,
    ACCESS_DENIED.message,
  );
  const totalMs = slept.reduce((sum, ms) => sum + ms, 0);
  assertEquals([totalMs > 500, totalMs < 1000], [true, true], `${totalMs} ms`);
  assertEquals(tried.calls, slept.length + 1);
});

Deno.test("despiteReaders() on Windows does not try again what failed for another reason", async () => {
  const { act, clock, slept } = attempt([new Deno.errors.NotFound("There is no such directory")]);
  await assertRejects(() => despiteReaders(act, { os: "windows", clock }), Deno.errors.NotFound);
  assertEquals(slept, []);
});

Deno.test("despiteReaders() on other systems, which have no such rule, tries once", async () => {
  for (const os of ["linux", "darwin"]) {
    const { act, clock, slept } = attempt([ACCESS_DENIED]);
    await assertRejects(() => despiteReaders(act, { os, clock }), Deno.errors.PermissionDenied);
    assertEquals(slept, []);
  }
});
