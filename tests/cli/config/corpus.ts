/**
 * Configuration files, good and bad, with what is to be said of the bad ones.
 *
 * @module
 */

/** Files that are right. */
export const GOOD: Readonly<Record<string, unknown>> = {
  "nothing": {},
  "no mappings": { mappings: [] },
  "the contract's example": {
    gateway: "10.0.0.1",
    lifetime: "2h",
    mappings: [
      "8080:80/tcp",
      {
        name: "wireguard",
        external: 51820,
        internal: 51820,
        protocol: "udp",
        exact: true,
        exec: "…",
        portFile: "…",
      },
    ],
    exec: "…",
    portFile: "…",
  },
  "every key": {
    $schema: "./config.schema.json",
    gateway: "10.0.0.1:5352",
    interface: "eth0",
    source: "10.0.0.2",
    timeout: 7.75,
    lifetime: 7200,
    exact: true,
    anyPort: false,
    allowPortZero: true,
    exec: 'echo "$NATPMP_EVENT"\necho done',
    portFile: "/run/ports",
    mappings: [{
      name: "Wächter 1",
      external: "any",
      internal: 65535,
      protocol: "both",
      lifetime: "1d",
      exact: false,
      anyPort: true,
      exec: "true",
      portFile: "../port",
    }],
  },
  "specs of every form": {
    mappings: ["80", "443/udp", "8081:81", "any:22/tcp", "0:23", "6881/both", "65535:1"],
  },
  "the least of a mapping": { mappings: [{ internal: 1 }] },
  "an external port of the gateway's choice": { mappings: [{ internal: 80, external: 0 }] },
  "port 0": { allowPortZero: true, mappings: ["1:0/both"] },
  "port 0 in an object": { allowPortZero: true, mappings: [{ external: 1, internal: 0, protocol: "both" }] },
  "one external port for TCP and for UDP": { mappings: ["80/tcp", "80/udp"] },
  "one port file for two mappings": {
    mappings: [{ internal: 80, portFile: "port" }, { internal: 81, portFile: "port" }],
  },
  "the least and the most": {
    timeout: 0.001,
    lifetime: 1,
    mappings: [{ internal: 80, lifetime: 4294967295 }],
  },
  "the longest timeout": { timeout: 127.75 },
  "durations of every unit": {
    mappings: [
      { internal: 1, lifetime: "90" },
      { internal: 2, lifetime: "90s" },
      { internal: 3, lifetime: "30m" },
      { internal: 4, lifetime: "49710d" },
      { internal: 5, lifetime: "1w" },
      { internal: 6, lifetime: "1h30m" },
      { internal: 7, lifetime: "1w2d3h4m5s" },
      { internal: 8, lifetime: "0h090s" },
    ],
  },
  "ranges of every form": {
    mappings: [
      "6881-6889",
      "8000-8010:9000-9010/both",
      "any:100-355/udp",
      "0:400-410",
      { internal: "500-509" },
      { internal: "600-609", external: "1600-1609", protocol: "both", exec: "true" },
      { internal: "700-709", external: "any" },
      { internal: "800-809", external: 0 },
    ],
  },
  "the flags turned off": { exact: false, anyPort: false, allowPortZero: false },
};

/** A file that is wrong. */
export interface BadFile {
  /** What it holds, if it is JSON at all. */
  readonly file: unknown;
  /** Where it is wrong. */
  readonly key: string;
  /** A part of what is said of that. */
  readonly reason: string;
  /** Whether only the parser can see it. */
  readonly escapesSchema?: true;
}

const PORT = "a port is a whole number from 1 to 65535";

/** Files that are wrong, by what is wrong with them. */
export const BAD: Readonly<Record<string, BadFile>> = {
  "a list": { file: [], key: "", reason: "It is a list, but it has to be an object in { and }" },
  "text": { file: "8080:80", key: "", reason: 'It is "8080:80", but it has to be an object' },
  "null": { file: null, key: "", reason: "It is null, but it has to be an object" },
  "an unknown key": {
    file: { gatway: "10.0.0.1" },
    key: "gatway",
    reason:
      "Unknown key: the keys are $schema, gateway, interface, source, via, igd, timeout, lifetime, exact, " +
      "anyPort, allowPortZero, exec, portFile, mappings; did you mean gateway?",
  },
  "an option's spelling": {
    file: { "allow-port-zero": true },
    key: "allow-port-zero",
    reason: "did you mean allowPortZero?",
  },
  "another spelling": { file: { port_file: "p" }, key: "port_file", reason: "did you mean portFile?" },
  "an unknown key of a mapping": {
    file: { mappings: ["80", { internl: 80 }] },
    key: "mappings[1].internl",
    reason:
      "Unknown key: the keys are name, external, internal, protocol, lifetime, exact, anyPort, exec, portFile; " +
      "did you mean internal?",
  },
  "a key of the file in a mapping": {
    file: { mappings: [{ internal: 80, gateway: "10.0.0.1" }] },
    key: "mappings[0].gateway",
    reason: "Unknown key",
  },
  "a key of every object": { file: { constructor: 1 }, key: "constructor", reason: "Unknown key" },
  "a gateway that is a name": {
    file: { gateway: "router.lan" },
    key: "gateway",
    reason: 'Cannot read gateway "router.lan": write an IPv4 address in dotted decimal',
  },
  "a gateway that is a number": {
    file: { gateway: 10 },
    key: "gateway",
    reason: 'Cannot read gateway 10: write an IPv4 address in dotted decimal, as in "10.0.0.1"',
  },
  "a gateway that is null": { file: { gateway: null }, key: "gateway", reason: "Cannot read gateway null" },
  "a gateway's port out of range": {
    file: { gateway: "10.0.0.1:65536" },
    key: "gateway",
    reason: "from 1 to 65535",
  },
  "a gateway of IPv6": { file: { gateway: "fe80::1" }, key: "gateway", reason: "IPv4" },
  "a gateway that is many": {
    file: { gateway: "224.0.0.1" },
    key: "gateway",
    reason: "not the address of a single host",
  },
  "an empty interface": { file: { interface: "" }, key: "interface", reason: "write text that is not empty" },
  "an interface with a NUL": { file: { interface: "eth\0" }, key: "interface", reason: "write text" },
  "a source that is none": { file: { source: "10.0.0.256" }, key: "source", reason: "IPv4" },
  "a timeout of 0": {
    file: { timeout: 0 },
    key: "timeout",
    reason: 'Cannot read timeout "0": write a number of seconds',
  },
  "a timeout above the most": { file: { timeout: 128 }, key: "timeout", reason: "up to 127.75" },
  "a timeout that is text": {
    file: { timeout: "5" },
    key: "timeout",
    reason: 'Cannot read timeout "5": write a number of seconds, as in 7.75',
  },
  "a lifetime of 0": { file: { lifetime: 0 }, key: "lifetime", reason: "from 1 to 4294967295 s" },
  "a lifetime of 0 minutes": { file: { lifetime: "0m" }, key: "lifetime", reason: "from 1 to 4294967295 s" },
  "a lifetime above the most": {
    file: { lifetime: 4294967296 },
    key: "lifetime",
    reason: "from 1 to 4294967295 s",
  },
  "a lifetime above the most, in days": {
    file: { lifetime: "49711d" },
    key: "lifetime",
    reason: "from 1 to 4294967295 s",
    escapesSchema: true,
  },
  "a lifetime that is negative": {
    file: { lifetime: -60 },
    key: "lifetime",
    reason: "seconds, or 90s, 30m, 2h, 1d",
  },
  "half a second of life": { file: { lifetime: 0.5 }, key: "lifetime", reason: "seconds, or 90s" },
  "a lifetime in words": {
    file: { lifetime: "soon" },
    key: "lifetime",
    reason: 'Cannot read lifetime "soon"',
  },
  "a lifetime that is true": {
    file: { lifetime: true },
    key: "lifetime",
    reason: 'Cannot read lifetime true: write seconds, or text as in "90s", "30m", "2h", "1d", "1w", "1h30m"',
  },
  "a lifetime above the most, in weeks": {
    file: { lifetime: "7101w5d" },
    key: "lifetime",
    reason: "from 1 to 4294967295 s",
    escapesSchema: true,
  },
  "a lifetime of nothing": { file: { lifetime: "" }, key: "lifetime", reason: "from 1 to 4294967295 s" },
  "a lifetime whose units are in the wrong order": {
    file: { lifetime: "30m1h" },
    key: "lifetime",
    reason: 'Cannot read lifetime "30m1h": write seconds, or 90s, 30m, 2h, 1d, 1w, 1h30m',
  },
  "a lifetime that is half a word": { file: { lifetime: "1h30" }, key: "lifetime", reason: "1h30m" },
  "a lifetime of no hours and no minutes": {
    file: { lifetime: "0h00m" },
    key: "lifetime",
    reason: "from 1 to 4294967295 s",
  },
  "a flag that is text": {
    file: { exact: "yes" },
    key: "exact",
    reason: 'Cannot read exact "yes": write true or false',
  },
  "a flag that is a number": {
    file: { allowPortZero: 1 },
    key: "allowPortZero",
    reason: "write true or false",
  },
  "flags that contradict each other": {
    file: { exact: true, anyPort: true },
    key: "anyPort",
    reason: "It contradicts exact: only one of them can be true",
  },
  "flags of a mapping that contradict each other": {
    file: { mappings: [{ internal: 80, anyPort: true, exact: true }] },
    key: "mappings[0].anyPort",
    reason: "It contradicts exact",
  },
  "an empty command": { file: { exec: "" }, key: "exec", reason: "write text that is not empty" },
  "a command that is a list": {
    file: { exec: ["echo"] },
    key: "exec",
    reason: "Cannot read exec a list: write text",
  },
  "a port file that is an object": {
    file: { portFile: {} },
    key: "portFile",
    reason: "Cannot read portFile an object",
  },
  "a schema that is no text": { file: { $schema: 7 }, key: "$schema", reason: "write text" },
  "mappings that are an object": {
    file: { mappings: { internal: 80 } },
    key: "mappings",
    reason: "Cannot read mappings an object: write a list",
  },
  "a mapping that is a number": {
    file: { mappings: [80] },
    key: "mappings[0]",
    reason: 'Cannot read mapping 80: write text as in "8080:80/tcp", or an object',
  },
  "a mapping that is null": {
    file: { mappings: [null] },
    key: "mappings[0]",
    reason: "Cannot read mapping null",
  },
  "a spec that is none": {
    file: { mappings: ["8080:80", "eighty"] },
    key: "mappings[1]",
    reason: `Cannot read port "eighty" of "eighty": ${PORT}`,
  },
  "a bare pair": {
    file: { mappings: ["8080 80"] },
    key: "mappings[0]",
    reason: 'Cannot read port "8080 80"',
  },
  "a spec of another protocol": {
    file: { mappings: ["80/sctp"] },
    key: "mappings[0]",
    reason: 'Cannot read mapping "80/sctp": write tcp, udp or both after the slash',
  },
  "a spec's port out of range": { file: { mappings: ["65536:80"] }, key: "mappings[0]", reason: PORT },
  "a range that ends before it begins": {
    file: { mappings: ["6889-6881"] },
    key: "mappings[0]",
    reason: 'Cannot read range "6889-6881": it ends before it begins',
    escapesSchema: true,
  },
  "a range of too many ports": {
    file: { mappings: ["80", "1000-1256"] },
    key: "mappings[1]",
    reason: 'Cannot use range "1000-1256" of 257 ports: a range has at most 256',
    escapesSchema: true,
  },
  "ranges of different lengths": {
    file: { mappings: ["8000-8010:9000-9009"] },
    key: "mappings[0]",
    reason: "both sides need the same number of ports, not 11 and 10",
    escapesSchema: true,
  },
  "a range for one port": {
    file: { mappings: ["8000-8010:80"] },
    key: "mappings[0]",
    reason: "both sides need the same number of ports, not 11 and 1",
  },
  "a range from port 0": {
    file: { allowPortZero: true, mappings: ["0-9"] },
    key: "mappings[0]",
    reason: 'Cannot use range "0-9": a range begins at port 1 or above',
  },
  "a range in an object that ends before it begins": {
    file: { mappings: [{ internal: "90-80" }] },
    key: "mappings[0].internal",
    reason: 'Cannot read range "90-80": it ends before it begins',
    escapesSchema: true,
  },
  "an external range of another length": {
    file: { mappings: [{ internal: "80-90", external: "8080-8081" }] },
    key: "mappings[0].external",
    reason: "both sides need the same number of ports, not 2 and 11",
    escapesSchema: true,
  },
  "an external port for a range": {
    file: { mappings: [{ internal: "80-90", external: 8080 }] },
    key: "mappings[0].external",
    reason: "both sides need the same number of ports, not 1 and 11",
    escapesSchema: true,
  },
  "ranges that overlap": {
    file: { mappings: ["80-90", "any:443", "any:90-95"] },
    key: "mappings[2]",
    reason: "Two mappings have internal tcp port 90: each port can be mapped once",
    escapesSchema: true,
  },
  "an empty mapping": {
    file: { mappings: [{}] },
    key: "mappings[0].internal",
    reason: "It is missing: the port on this host",
  },
  "a mapping without its internal port": {
    file: { mappings: [{ external: 8080 }] },
    key: "mappings[0].internal",
    reason: "It is missing",
  },
  "an internal port out of range": {
    file: { mappings: [{ internal: 70000 }] },
    key: "mappings[0].internal",
    reason: `Cannot read port "70000": ${PORT}`,
  },
  "an internal port that is text": {
    file: { mappings: [{ internal: "80" }] },
    key: "mappings[0].internal",
    reason: 'Cannot read internal "80": write a whole number from 1 to 65535',
  },
  "an internal port that is any": {
    file: { mappings: [{ internal: "any" }] },
    key: "mappings[0].internal",
    reason: "whole number",
  },
  "a port that is negative": {
    file: { mappings: [{ internal: -1 }] },
    key: "mappings[0].internal",
    reason: PORT,
  },
  "half a port": { file: { mappings: [{ internal: 80.5 }] }, key: "mappings[0].internal", reason: PORT },
  "an external port out of range": {
    file: { mappings: ["80", { internal: 81, external: 65536 }] },
    key: "mappings[1].external",
    reason: `Cannot read port "65536": ${PORT}`,
  },
  "an external port that is text": {
    file: { mappings: [{ internal: 80, external: "8080" }] },
    key: "mappings[0].external",
    reason: 'Cannot read external "8080": write a whole number from 1 to 65535, or "any"',
  },
  "a protocol that is none": {
    file: { mappings: [{ internal: 80, protocol: "TCP" }] },
    key: "mappings[0].protocol",
    reason: 'Cannot read protocol "TCP": write "tcp" or "udp" or "both"',
  },
  "protocols in a list": {
    file: { mappings: [{ internal: 80, protocol: ["tcp", "udp"] }] },
    key: "mappings[0].protocol",
    reason: "Cannot read protocol a list",
  },
  "a mapping's lifetime in words": {
    file: { mappings: [{ internal: 80, lifetime: "long" }] },
    key: "mappings[0].lifetime",
    reason: 'Cannot read lifetime "long"',
  },
  "an empty name": {
    file: { mappings: [{ internal: 80, name: "" }] },
    key: "mappings[0].name",
    reason: "not empty",
  },
  "a name of two lines": {
    file: { mappings: [{ internal: 80, name: "a\nb" }] },
    key: "mappings[0].name",
    reason: 'Cannot read name "a\\nb": write text of one line',
  },
  "a name that is there twice": {
    file: { mappings: [{ internal: 80, name: "web" }, "443", { internal: 81, name: "web" }] },
    key: "mappings[2].name",
    reason: 'mappings[0] already has the name "web"',
    escapesSchema: true,
  },
  "two mappings of one internal port": {
    file: { mappings: ["8080:80", { internal: 80, external: 9090 }] },
    key: "mappings[1]",
    reason: "Two mappings have internal tcp port 80: each port can be mapped once",
    escapesSchema: true,
  },
  "a value that is wrong in a mapping with a name": {
    file: { mappings: ["443", { internal: 70_000, name: "wg" }] },
    key: "mappings[1].internal (wg)",
    reason: PORT,
  },
  "a mapping with a name whose port another one has": {
    file: { mappings: ["8080:80", { internal: 80, external: 9090, name: "web" }] },
    key: "mappings[1] (web)",
    reason: "Two mappings have internal tcp port 80: each port can be mapped once",
    escapesSchema: true,
  },
  "two mappings of one external port": {
    file: { mappings: ["8080:80/both", "443", "8080:81/udp"] },
    key: "mappings[2]",
    reason: "Two mappings have external udp port 8080",
    escapesSchema: true,
  },
  "port 0 without leave": {
    file: { mappings: ["1:0/both"] },
    key: "mappings[0]",
    reason: "Cannot use internal port 0 unless allowPortZero is true",
    escapesSchema: true,
  },
  "port 0 without leave in an object": {
    file: { mappings: ["80", { external: 1, internal: 0 }] },
    key: "mappings[1].internal",
    reason: "Cannot use internal port 0 unless allowPortZero is true",
    escapesSchema: true,
  },
};
