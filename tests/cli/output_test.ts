import { assertEquals } from "@std/assert";
import { formatTime, Output, type OutputOptions, roundMs } from "../../lib/cli/output.ts";
import { MemorySink } from "../support/test_world.ts";

function spoken(options: Partial<OutputOptions>, speak: (output: Output) => void) {
  const stdout = new MemorySink(false);
  const stderr = new MemorySink(false);
  speak(new Output({ stdout, stderr }, { json: false, quiet: false, ...options }));
  return { stdout: stdout.text, stderr: stderr.text };
}

function everything(output: Output): void {
  output.note("a note");
  output.warn("a warning");
  output.fail("a failure");
  output.result("a result");
  output.json({ command: "map", gateway: "10.0.0.1" });
}

Deno.test("Output has results on stdout and everything else, labelled, on stderr", () => {
  assertEquals(spoken({}, everything), {
    stdout: "a result\n",
    stderr: "natpmp: note: a note\nnatpmp: warning: a warning\nnatpmp: error: a failure\n",
  });
});

Deno.test("Output with --quiet leaves out notes alone", () => {
  assertEquals(spoken({ quiet: true }, everything), {
    stdout: "a result\n",
    stderr: "natpmp: warning: a warning\nnatpmp: error: a failure\n",
  });
});

Deno.test("Output with --json has one object on stdout, with notes and warnings", () => {
  assertEquals(
    spoken({ json: true }, everything).stdout,
    '{"command":"map","gateway":"10.0.0.1","warnings":["a note","a warning"]}\n',
  );
});

Deno.test("Output with --json has no warnings where there are none", () => {
  assertEquals(spoken({ json: true }, (output) => output.json({ command: "map" })), {
    stdout: '{"command":"map"}\n',
    stderr: "",
  });
});

Deno.test("Output with --json leaves out what is absent, without nulls", () => {
  const { stdout } = spoken(
    { json: true },
    (output) => output.json({ gateway: undefined, error: { kind: undefined } }),
  );
  assertEquals(stdout, '{"error":{}}\n');
});

Deno.test("Output colours the label alone, and only with a paint", () => {
  const paint = {
    note: (text: string) => `<n>${text}</n>`,
    warning: (text: string) => `<w>${text}</w>`,
    error: (text: string) => `<e>${text}</e>`,
  };
  assertEquals(spoken({ paint }, everything), {
    stdout: "a result\n",
    stderr:
      "natpmp: <n>note</n>: a note\nnatpmp: <w>warning</w>: a warning\nnatpmp: <e>error</e>: a failure\n",
  });
});

Deno.test("roundMs() is to a tenth", () => {
  assertEquals([0, 2.84, 7750.44, 0.05, 3].map(roundMs), [0, 2.8, 7750.4, 0.1, 3]);
});

Deno.test("formatTime() is RFC 3339 in UTC, to the second", () => {
  assertEquals(formatTime(new Date("2026-01-01T01:00:00Z")), "2026-01-01T01:00:00Z");
  assertEquals(formatTime(new Date("2026-01-01T01:00:00.999Z")), "2026-01-01T01:00:00Z");
});
