#!/usr/bin/perl
# A worker without any SDK, in Perl as every Debian has it: how bright each picture is, and a detection over all of it when it
# is bright. The protocol is docs/protocol/worker.md; both transports. What it needs of MessagePack is written out below.
use strict;
use warnings;
use Fcntl qw(O_RDONLY SEEK_SET);

binmode STDIN;
open(my $host, '>&', \*STDOUT) or die "standard output: $!";
# A print would be a protocol error; from here on it is a line of the log.
open(STDOUT, '>&', \*STDERR) or die "standard error: $!";
$SIG{PIPE} = 'IGNORE';    # A host that is gone is noticed by the end of the input.

# --- MessagePack. Numbers that are not whole are references here, so that Perl cannot take them for texts. ---

sub encode {
    my ($v) = @_;
    my $is = ref $v;
    return pack('C', 0x80 | @$v / 2) . join '', map { encode($_) } @$v if $is eq 'MAP';
    return pack('C', 0x90 | @$v) . join '', map { encode($_) } @$v if $is eq 'ARRAY';
    return pack('C d>', 0xcb, $$v) if $is eq 'SCALAR';
    return pack('C Q>', 0xcf, $v) if $v =~ /^\d+$/;
    return pack('C n/a*', 0xda, $v);
}

sub map_of { return bless [@_], 'MAP' }
# Type byte => how many bytes the number, or the length, has, and what unpack calls it.
my %NUMBER = (0xcc => [1, 'C'], 0xcd => [2, 'n'], 0xce => [4, 'N'], 0xcf => [8, 'Q>'], 0xd0 => [1, 'c'], 0xd1 => [2, 's>'],
    0xd2 => [4, 'l>'], 0xd3 => [8, 'q>'], 0xca => [4, 'f>'], 0xcb => [8, 'd>']);
my %BYTES = (0xc4 => [1, 'C'], 0xc5 => [2, 'n'], 0xc6 => [4, 'N'], 0xd9 => [1, 'C'], 0xda => [2, 'n'], 0xdb => [4, 'N']);
my %LIST = (0xdc => [2, 'n'], 0xdd => [4, 'N'], 0xde => [2, 'n'], 0xdf => [4, 'N']);

# Decodes the value at ${$at} of ${$text}, and moves on. Maps become hashes.
sub decode {
    my ($text, $at) = @_;
    my $take = sub { my ($size, $as) = @_; $$at += $size; return unpack $as, substr($$text, $$at - $size, $size) };
    my $list = sub { return map { decode($text, $at) } 1 .. $_[0] };
    my $t = $take->(1, 'C');
    return $t if $t < 0x80;
    return $t - 256 if $t >= 0xe0;
    return +{$list->(2 * ($t & 15))} if $t < 0x90;
    return [$list->($t & 15)] if $t < 0xa0;
    return $take->($t & 31, 'a*') if $t < 0xc0;
    return undef if $t == 0xc0;
    return $t & 1 if $t == 0xc2 || $t == 0xc3;
    return $take->(@{$NUMBER{$t}}) if $NUMBER{$t};
    return $take->($take->(@{$BYTES{$t}}), 'a*') if $BYTES{$t};
    my $count = $take->(@{$LIST{$t} // die sprintf "MessagePack type 0x%02x\n", $t});
    return $t < 0xde ? [$list->($count)] : +{$list->(2 * $count)};
}

# --- The host ---

sub say_to_host {
    my $bytes = pack 'N/a*', encode(map_of(@_));
    substr($bytes, 0, syswrite($host, $bytes) // return, '') while length $bytes;
}

# The next message, or undef at the end of the input.
sub hear {
    read(STDIN, my $length, 4) == 4 or return;
    my $size = unpack 'N', $length;
    read(STDIN, my $message, $size) == $size or return;    # Half a message: the host died.
    return decode(\$message, \(my $at = 0));
}

# --- Pixels: on standard input, or in a frame segment ---

my ($segment, $opened) = (undef, '');

sub bytes_at {
    my ($offset, $size) = @_;
    sysseek($segment, $offset, SEEK_SET) // die "seek: $!\n";
    (sysread($segment, my $bytes, $size) // -1) == $size or die "the segment is too short\n";
    return $bytes;
}

sub pixels_of {
    my ($frame) = @_;
    return $frame->{data} if defined $frame->{data};
    my $ref = $frame->{ref};
    if ($opened ne "$ref->{path} $ref->{epoch}") {    # A new epoch is a new file.
        $opened = '';
        sysopen($segment, $ref->{path}, O_RDONLY) or die "$ref->{path}: $!\n";
        unpack('Q<', bytes_at(16, 8)) == $ref->{epoch} or die "another epoch\n";
        $opened = "$ref->{path} $ref->{epoch}";
    }
    my $pixels = bytes_at($ref->{offset}, $ref->{byte_length});
    unpack('Q<', bytes_at(4096 + 128 * $ref->{slot}, 8)) == $ref->{generation} or die "the frame has changed\n";
    return $pixels;
}

# 0 to 1. Of NV12 and I420 the first plane, which is the brightness already.
sub brightness {
    my ($frame) = @_;
    die "JPEG is not understood\n" if $frame->{format} eq 'JPEG';
    my $line = $frame->{width} * ($frame->{format} =~ /24$/ ? 3 : 1);
    my $stride = $frame->{ref} ? $frame->{ref}{strides}[0] : $line;
    my $pixels = pixels_of($frame);
    my $sum = 0;
    $sum += unpack '%32C*', substr($pixels, $_ * $stride, $line) for 0 .. $frame->{height} - 1;
    return $sum / ($line * $frame->{height} * 255);
}

say_to_host(type => 'ready', protocol => 1, name => 'bright.pl');
while (my $message = hear()) {
    last if $message->{type} eq 'stop';
    next if $message->{type} ne 'frame';
    my $value = eval { brightness($message) };
    my @answer = (type => 'result', seq => $message->{seq});
    if (defined $value) {
        my $bright = map_of(class_id => 0, class_name => 'bright', confidence => \$value, bbox => [0, 0, 1, 1]);
        push @answer, detections => [$value > 0.5 ? $bright : ()], data => map_of(brightness => \$value);
    } else {
        push @answer, error => $@ =~ s/\s+\z//r;
    }
    say_to_host(@answer);
}
