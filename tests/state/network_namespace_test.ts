import { assertEquals } from "@std/assert";
import { indexOfOwn, mayBeOf, namespaceOf } from "../../lib/state/network_namespace.ts";

const RED = { namespace: { inode: 1, boot: "first" } };
const BLUE = { namespace: { inode: 2, boot: "first" } };
const RED_EARLIER = { namespace: { inode: 1, boot: "earlier" } };
const BLUE_EARLIER = { namespace: { inode: 2, boot: "earlier" } };
const UNNAMED = { namespace: { inode: 1 } };
const NONE = {};

Deno.test("mayBeOf(): a record is another namespace's only by another number in the same run of the machine", () => {
  const records = [RED, BLUE, RED_EARLIER, BLUE_EARLIER, UNNAMED, NONE];
  assertEquals(records.map((record) => mayBeOf(record, RED)), [true, false, true, true, true, true]);
  assertEquals(records.map((record) => mayBeOf(record, NONE)), records.map(() => true));
});

Deno.test("mayBeOf(): where the system does not name its runs, the number alone counts", () => {
  assertEquals([1, 2].map((inode) => mayBeOf({ namespace: { inode } }, UNNAMED)), [true, false]);
});

Deno.test("indexOfOwn() prefers the own record, then one of its number, then any that may be its own", () => {
  assertEquals(indexOfOwn([NONE, BLUE, BLUE_EARLIER, RED_EARLIER, RED], RED), 4);
  assertEquals(indexOfOwn([NONE, BLUE, BLUE_EARLIER, RED_EARLIER], RED), 3);
  assertEquals(indexOfOwn([BLUE, BLUE_EARLIER, NONE], RED), 1);
  assertEquals(indexOfOwn([BLUE], RED), -1);
  assertEquals(indexOfOwn([], RED), -1);
  // Without a namespace, a record without one is the own one.
  assertEquals(indexOfOwn([RED, NONE], NONE), 1);
  assertEquals(indexOfOwn([RED], NONE), 0);
});

Deno.test("namespaceOf() is the own namespace, and where that is unknown the record's", () => {
  assertEquals([namespaceOf(RED, BLUE_EARLIER), namespaceOf(NONE, BLUE), namespaceOf(RED, undefined)], [
    RED,
    BLUE,
    RED,
  ]);
  assertEquals(namespaceOf(NONE, undefined), NONE);
});
