# The page as two C texts: page.html up to its line "@data", and from there on. A line "@include
# NAME" becomes that file's lines.

function put(line)
{
	gsub(/\\/, "&&", line)
	gsub(/"/, "\\\"", line)
	gsub(/\?/, "\\?", line) # no trigraphs
	print "\t\"" line "\\n\""
}

function include(name,    line, r)
{
	while ((r = (getline line < name)) > 0)
		put(line)
	if (r < 0) {
		print "embed.awk: cannot read " name > "/dev/stderr"
		exit 1
	}
	close(name)
}

function begin(name)
{
	print "extern const char " name "[];"
	print "extern const size_t " name "_size;"
	print "const char " name "[] ="
}

function end(name)
{
	print "\t\"\";"
	print "const size_t " name "_size = sizeof(" name ") - 1;"
}

BEGIN {
	print "#include <stddef.h>\n"
	begin("gallery_head")
}

$1 == "@include" { include(dir "/" $2); next }
$1 == "@data" { end("gallery_head"); print ""; begin("gallery_tail"); next }
{ put($0) }

END { end("gallery_tail") }
