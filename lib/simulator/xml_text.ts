/**
 * XML as the simulated gateway writes it. Pure.
 *
 * @module
 */

/**
 * Writes text so that it can stand in an element.
 *
 * @param text The text.
 * @returns The text with its markup escaped.
 */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/**
 * Reads text that stands in an element.
 *
 * @param text The text with its markup escaped.
 * @returns The text; an entity that is unknown stays as it is.
 */
export function unescapeXml(text: string): string {
  return text.replaceAll(
    /&(?:#([0-9]{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]+));/g,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = decimal === undefined ? parseInt(hex, 16) : Number(decimal);
      return code <= 0x10_ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

/**
 * Writes an element.
 *
 * @param name Its name.
 * @param content What is in it, which is XML already.
 * @returns The element.
 */
export function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

/**
 * Takes namespaces away: what declares them, and the prefixes of elements and attributes.
 *
 * @param xml The document.
 * @returns The document as a careless router would write it.
 */
export function withoutNamespaces(xml: string): string {
  return xml.replaceAll(/ xmlns(?::\w+)?="[^"]*"/g, "").replaceAll(/(<\/?)\w+:/g, "$1").replaceAll(
    / \w+:(\w+=")/g,
    " $1",
  );
}
