/** A description or an answer of a router that cannot be used: it is not XML, exceeds a bound, or lacks a part. */
export class MalformedDocumentError extends Error {
  override readonly name = "MalformedDocumentError";
}
