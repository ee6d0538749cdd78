/** Characters that have a meaning in XML, HTTP, URLs or numbers. */
const TELLING = [..."<>&;\"'/:=#?![]-%@\\\r\n\t \0x09.é\u{1f600}\u202e"];

/** Changes a text in a few places: characters replaced, put in or left out, parts repeated, moved or cut off. */
export function mutate(text: string, random: () => number): string {
  let mutated = text;
  const times = 1 + Math.floor(random() * 4);
  for (let i = 0; i < times; i++) {
    const at = Math.floor(random() * mutated.length);
    const length = Math.floor(random() ** 3 * 80);
    const part = mutated.slice(at, at + length);
    const [head, tail] = [mutated.slice(0, at), mutated.slice(at)];
    const character = TELLING[Math.floor(random() * TELLING.length)]!;
    switch (Math.floor(random() * 6)) {
      case 0:
        mutated = head + character + tail.slice(1);
        break;
      case 1:
        mutated = head + character + tail;
        break;
      case 2:
        mutated = head + tail.slice(length);
        break;
      case 3:
        mutated = head + part.repeat(1 + Math.floor(random() * 3)) + tail;
        break;
      case 4:
        mutated = part + head + tail.slice(length);
        break;
      case 5:
        mutated = random() < 0.2 ? head : head.toUpperCase() + tail;
    }
  }
  return mutated;
}
