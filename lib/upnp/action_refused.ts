/** A router refused an action. */
export class ActionRefused extends Error {
  override readonly name = "ActionRefused";
  /** The number of the fault; of HTTP's status where there is none. */
  readonly code: number;
  /** Whether the number is HTTP's. */
  readonly isHttp: boolean;
  /** The address of this host that the router saw. */
  readonly localAddress: string;

  constructor(
    message: string,
    { code, isHttp, localAddress }: Pick<ActionRefused, "code" | "isHttp" | "localAddress">,
  ) {
    super(message);
    this.code = code;
    this.isHttp = isHttp;
    this.localAddress = localAddress;
  }
}
