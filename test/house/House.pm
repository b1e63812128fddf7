package House;
#
# What check-layers and check-house share: the files, their text without comments, and how a rule is excused.
#
# An excuse is a comment on the line that breaks the rule, or in the comment right above it:
#     house: RULE because REASON
# An excuse that excuses nothing is itself reported, so that they can only become fewer.
use strict;
use warnings;

my (%excuses, $violations);

# Text files of the project: what git knows or would take; without git everything but the usual output folders.
sub files
{
	my @files = -e '.git'
		? split(/\0/, `git ls-files -z --cached --others --exclude-standard`)
		: map { s{^\./}{}r } split(/\0/, `find . -type d \\( -name build -o -name run -o -name node_modules \\) -prune -o -type f -print0`);
	return grep { -f && !/\.(png|jpg|ico|woff2?|binpb|pdf)$/ } sort @files;
}

# A file as { path, raw, code, quoted }: code has comments and literals blanked, quoted only comments. Line numbers stay what they are.
sub load
{
	my ($path) = @_;
	open(my $in, '<', $path) or die "$path: $!\n";
	local $/;
	my $raw = scalar(<$in>) // '';
	my %file = (path => $path, raw => $raw, code => $raw, quoted => $raw);
	if ($path =~ /\.[ch]$/) {
		my $literal = qr/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/;
		$file{quoted} =~ s{($literal)|(/\*.*?\*/|//[^\n]*)}{$1 // blank($2)}gse;
		$file{code} = $file{quoted} =~ s{(?<!include )($literal)}{blank($1)}gser;
	}
	find_excuses(\%file);
	return \%file;
}

sub blank
{
	my ($text) = @_;
	return $text =~ s/[^\n]/ /gr;
}

# An excuse holds from its own line to the first line of code after its comment.
sub find_excuses
{
	my ($file) = @_;
	my @lines = split(/\n/, $file->{raw});
	for my $number (1 .. @lines) {
		my ($rule) = $lines[$number - 1] =~ /(?:\/\*|\/\/|\*|#|--|;)[^"]*\bhouse: ([a-z-]+) because \S.{8,}/ or next;
		my $last = $number;
		$last++ while $last < @lines && $lines[$last - 1] =~ m{^\s*(/\*|\*|//|#|--|;)};
		$excuses{$file->{path}}{$number} = { rule => $rule, first => $number, last => $last, used => 0 };
	}
}

sub excused
{
	my ($file, $rule, $first, $last) = @_;
	for my $excuse (values %{$excuses{$file->{path}}}) {
		next unless $excuse->{rule} eq $rule && $excuse->{last} >= $first && $excuse->{first} <= $last;
		return $excuse->{used} = 1;
	}
	return 0;
}

# Reports a violation, unless it is excused somewhere from line $first to line $last.
sub violation
{
	my ($file, $rule, $first, $message, $last) = @_;
	return if excused($file, $rule, $first, $last // $first);
	print "$file->{path}:$first: $message [$rule]\n";
	$violations++;
}

# Calls violation() for every match of a pattern in $file->{$view}; the message may use {1} for what the first group matched.
sub forbid
{
	my ($file, $view, $rule, $pattern, $message) = @_;
	while ($file->{$view} =~ /$pattern/gm) {
		my $what = $1 // '';
		my $line = 1 + (substr($file->{$view}, 0, $-[0]) =~ tr/\n//);
		violation($file, $rule, $line, $message =~ s/\{1\}/$what/r);
	}
}

# Ends the run. rules: the names this run knows, whose excuses must have been needed.
sub finish
{
	my (@rules) = @_;
	my %known = map { $_ => 1 } @rules;
	for my $path (sort keys %excuses) {
		for my $excuse (grep { $known{$_->{rule}} && !$_->{used} } values %{$excuses{$path}}) {
			print "$path:$excuse->{first}: excuses nothing; remove it [$excuse->{rule}]\n";
			$violations++;
		}
	}
	exit($violations ? 1 : 0);
}

1;
