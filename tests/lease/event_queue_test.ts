import { assertEquals, assertRejects } from "@std/assert";
import { EventQueue } from "../../lib/lease/event_queue.ts";

const UNLIMITED = { limit: Infinity, subjectOf: String, merge: () => NaN };

Deno.test("EventQueue.next() gives what was pushed, in order, before the end", async () => {
  const queue = new EventQueue<number>(UNLIMITED);
  queue.push(1);
  queue.push(2);
  queue.close();
  queue.push(3);
  assertEquals(await queue.next(), { done: false, value: 1 });
  assertEquals(await queue.next(), { done: false, value: 2 });
  assertEquals(await queue.next(), { done: true, value: undefined });
});

Deno.test("EventQueue.next() waits for what is pushed later", async () => {
  const queue = new EventQueue<number>(UNLIMITED);
  const next = queue.next();
  queue.push(1);
  assertEquals(await next, { done: false, value: 1 });
});

Deno.test("EventQueue.next() ends when the queue is closed meanwhile", async () => {
  const queue = new EventQueue<number>(UNLIMITED);
  const next = queue.next();
  queue.close();
  assertEquals((await next).done, true);
});

Deno.test("EventQueue.fail() gives its error once, after what was pushed", async () => {
  const queue = new EventQueue<number>(UNLIMITED);
  queue.push(1);
  queue.fail(new RangeError("no"));
  assertEquals(await queue.next(), { done: false, value: 1 });
  await assertRejects(() => queue.next(), RangeError);
  assertEquals((await queue.next()).done, true);
});

Deno.test("EventQueue that is full puts one item in the place of two about the same, and takes what is about nothing that waits", async () => {
  const queue = new EventQueue<string>({
    limit: 3,
    subjectOf: (item) => item[0]!,
    merge: (older, newer) => older + newer.slice(1),
  });
  for (const item of ["a1", "b1", "a2", "a3", "c1", "b2", "a4"]) queue.push(item);
  queue.close();
  const items: string[] = [];
  for (let next = await queue.next(); !next.done; next = await queue.next()) items.push(next.value);
  assertEquals(items, ["a1", "c1", "b12", "a234"]);
});
