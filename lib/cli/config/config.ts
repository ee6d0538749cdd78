import type { OptionName } from "../option_table.ts";
import type { MappingSpec } from "../specs.ts";

/** The content of a configuration file, known to make sense. */
export interface Config {
  /** The absolute path, by which the state file knows it. */
  readonly path: string;
  /** The options that have a value, each as the command line would have it; `port-file` is absolute. */
  readonly values: Readonly<Partial<Record<OptionName, string>>>;
  /** The flags that are set. */
  readonly flags: ReadonlySet<OptionName>;
  /** Whether the file says at all what is to be mapped, be it nothing. */
  readonly listsMappings: boolean;
  readonly mappings: readonly ConfigMapping[];
}

/** A mapping of a configuration file. Fields that it leaves out are as for the whole file. */
export interface ConfigMapping extends MappingSpec {
  /** The name that people gave it. */
  readonly name?: string;
  /** Whether it names its protocol; one that does not is of TCP, unless the command line says otherwise. */
  readonly namesProtocol: boolean;
  readonly lifetimeSeconds?: number;
  readonly exact?: boolean;
  readonly anyPort?: boolean;
  /** The hook of this mapping. */
  readonly exec?: string;
  /** The absolute path of the file that is to hold its external ports. */
  readonly portFile?: string;
}
