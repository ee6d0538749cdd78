import { assert, assertEquals, assertFalse } from "@std/assert";
import { ReportedCauses } from "../../../lib/cli/cron/reported_causes.ts";

Deno.test("ReportedCauses reports a cause that the run before did not have, and once", () => {
  const reported = new ReportedCauses(["silence"]);
  assertFalse(reported.isNews("silence"));
  assertFalse(reported.hasNews);
  assert(reported.isNews("refused"));
  assertFalse(reported.isNews("refused"));
  assert(reported.hasNews);
});

Deno.test("ReportedCauses that repeats also reports the causes of the run before, once, and they are not news", () => {
  const reported = new ReportedCauses(["silence"], { repeats: true });
  assert(reported.isNews("silence"));
  assertFalse(reported.isNews("silence"));
  assertFalse(reported.hasNews);
  assertEquals(reported.causes, ["silence"]);
});

Deno.test("ReportedCauses.carry() hands on causes of the run before that this one cannot judge", () => {
  const reported = new ReportedCauses(["short leases", "silence"]);
  reported.carry((cause) => cause !== "silence");
  assertEquals([reported.causes, reported.hasNews], [["short leases"], false]);
});

Deno.test("ReportedCauses hands on all causes of this run, reported or not, and none of the run before", () => {
  const reported = new ReportedCauses(["silence", "over by now"]);
  reported.isNews("silence");
  reported.isNews("refused");
  assertEquals(reported.causes, ["silence", "refused"]);
  // What went away and comes again is news.
  assert(new ReportedCauses(reported.causes).isNews("over by now"));
});
