# Runs a command that the kernel refuses every netlink socket, with EAFNOSUPPORT as systemd's RestrictAddressFamilies=
# does it. With --no-interfaces first, also the list of interfaces is refused that ioctl(SIOCGIFCONF) gives.
# Usage: perl without_netlink.pl [--no-interfaces] COMMAND...
use strict;
use warnings;
use Config;

my ($audit_arch, %number) = $Config{archname} =~ /^x86_64/
  ? (0xC000003E, socket => 41, ioctl => 16, prctl => 157)
  : (0xC00000B7, socket => 198, ioctl => 29, prctl => 167);
my %refused = ($number{socket} => [16, 16]);    # the first argument is AF_NETLINK
if (@ARGV && $ARGV[0] eq '--no-interfaces') {
  shift;
  $refused{ $number{ioctl} } = [24, 0x8912];    # the second is SIOCGIFCONF
}

# struct sock_filter of linux/filter.h, over struct seccomp_data: number, architecture, instruction pointer, arguments.
my $load = sub { pack 'SCCL', 0x20, 0, 0, $_[0] };
my $jump = sub { my ($value, $skip) = @_; pack 'SCCL', 0x15, 0, $skip, $value };    # goes on where it is equal
my $return = sub { pack 'SCCL', 0x06, 0, 0, $_[0] };
my $refuse = $return->(0x00050000 | 97);
my @filter = ($load->(4), undef);
for my $call (sort keys %refused) {
  my ($offset, $value) = @{ $refused{$call} };
  push @filter, $load->(0), $jump->($call, 3), $load->($offset), $jump->($value, 1), $refuse;
}
$filter[1] = $jump->($audit_arch, @filter - 2);
push @filter, $return->(0x7FFF0000);

my $code = join '', @filter;
my $program = pack 'Sx![P]P', scalar @filter, $code;
syscall($number{prctl}, 38, 1, 0, 0, 0) == 0 or die "PR_SET_NO_NEW_PRIVS: $!\n";
syscall($number{prctl}, 22, 2, $program, 0, 0) == 0 or die "PR_SET_SECCOMP: $!\n";
exec @ARGV or die "$ARGV[0]: $!\n";
