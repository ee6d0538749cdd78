/**
 * Actions and their answers, as SOAP carries them (UDA 1.1 §3). Pure.
 *
 * @module
 */

import { SOAP_ENCODING, SOAP_ENVELOPE } from "./constants.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import { shortText } from "./router_text.ts";
import { descendantsOf, readXml, type XmlElement } from "./xml.ts";

/** An action, and its arguments in the order of the standard: many routers read them by their place. */
export interface Action {
  /** Its name. */
  readonly name: string;
  readonly args: readonly (readonly [name: string, value: string])[];
}

/** The parts of the HTTP request that carries an action. */
export interface SoapRequest {
  /** The value of the field `SOAPAction`, with its quotes. */
  readonly soapAction: string;
  readonly body: string;
}

/** The answer to an action. */
export type Answer =
  /** The values by their names, without white space around them. */
  | { readonly kind: "values"; readonly values: ReadonlyMap<string, string> }
  | {
    readonly kind: "fault";
    /** The code of `constants.ts`; absent where the answer has none. */
    readonly code?: number | undefined;
    /** The router's own words, or the status. */
    readonly text: string;
    /** The HTTP status. */
    readonly status: number;
  };

/**
 * Writes an action for a service of that type. It has no white space between elements and leaves the default namespace
 * alone, as some routers read nothing else. Throws a `RangeError` for a value with characters that no XML can have.
 */
export function encodeAction(serviceType: string, { name, args }: Action): SoapRequest {
  const values = args.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join("");
  return {
    soapAction: `"${serviceType}#${name}"`,
    body: `<?xml version="1.0"?>` +
      `<s:Envelope xmlns:s="${SOAP_ENVELOPE}" s:encodingStyle="${SOAP_ENCODING}"><s:Body>` +
      `<u:${name} xmlns:u="${escapeXml(serviceType)}">${values}</u:${name}></s:Body></s:Envelope>`,
  };
}

/**
 * Reads the answer to an action. A fault counts whatever the status is; a failure of HTTP alone is a fault without a
 * code. Throws a {@linkcode MalformedDocumentError} for a success that is not an answer to this action.
 */
export function decodeAnswer(
  { name }: Pick<Action, "name">,
  { status, body }: { readonly status: number; readonly body: string },
): Answer {
  const isSuccess = status >= 200 && status < 300;
  const root = readEnvelope(body, isSuccess);
  const elements = root === undefined ? [] : [root, ...descendantsOf(root)];
  const response = elements.find((element) => element.name === `${name}Response`);
  const code = codeOf(firstText(elements, "errorcode"));
  const isFault = elements.some((element) => element.name === "Fault");
  if (isSuccess && !isFault) {
    if (response !== undefined) return { kind: "values", values: valuesOf(response) };
    if (code === undefined) throw new MalformedDocumentError(`The document is not an answer to ${name}`);
  }
  return {
    kind: "fault",
    code,
    text: shortText(firstText(elements, "errordescription") ?? firstText(elements, "faultstring")) ??
      `HTTP status ${status}`,
    status,
  };
}

function readEnvelope(body: string, isSuccess: boolean): XmlElement | undefined {
  try {
    return readXml(body);
  } catch (error) {
    // With a failure there is often a web page, or nothing.
    if (isSuccess) throw error;
    return undefined;
  }
}

function valuesOf(response: XmlElement): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, text } of response.children) if (!values.has(name)) values.set(name, text);
  return values;
}

/** The first text that is not empty, of elements whose names some routers write in another case. */
function firstText(elements: readonly XmlElement[], lowerCaseName: string): string | undefined {
  return elements.find(({ name, text }) => text !== "" && name.toLowerCase() === lowerCaseName)?.text;
}

function codeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) : undefined;
}

const SPECIAL: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};
/** Characters that no XML 1.0 can have, even as references. */
// deno-lint-ignore no-control-regex
const IMPOSSIBLE = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/u;

function escapeXml(value: string): string {
  if (IMPOSSIBLE.test(value)) {
    throw new RangeError(`Cannot encode ${JSON.stringify(value)}: it has characters that no XML can have`);
  }
  return value.replace(/[&<>"']/g, (character) => SPECIAL[character]!);
}
