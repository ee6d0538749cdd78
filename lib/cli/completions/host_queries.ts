/**
 * What a completion asks the machine, without starting natpmp: programs of the POSIX shell, so that every shell asks
 * in the same way. They hold no single quote, to be quoted by them; what cannot be found out is an empty answer.
 *
 * @module
 */

/** Prints the names of this host's interfaces, one a line: from Linux's directory of them, or BSD's and macOS's `ifconfig`. */
export const INTERFACES_QUERY = "if [ -d /sys/class/net ]; then " +
  'for path in /sys/class/net/*/; do [ -d "$path" ] || continue; path=${path%/}; printf "%s\\n" "${path##*/}"; done; ' +
  'else ifconfig -l | tr " " "\\n"; fi 2>/dev/null';

/** Prints the IPv4 addresses of this host, one a line, from `ip` or any system's `ifconfig`. */
export const ADDRESSES_QUERY = "{ ip -o -4 addr show || ifconfig -a; } 2>/dev/null | " +
  'sed -n "s/.*inet \\(addr:\\)\\{0,1\\}\\([0-9.]*\\).*/\\2/p"';
