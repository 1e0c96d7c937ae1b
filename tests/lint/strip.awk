# C without its comments and its strings' contents, line by line as "FILE:LINE:TEXT".
FNR == 1 { comment = 0 }
{
	text = $0
	out = ""
	while (text != "") {
		if (comment) {
			end = index(text, "*/")
			comment = !end
			text = end ? substr(text, end + 2) : ""
		} else if (match(text, /^"([^"\\]|\\.)*"/)) {
			out = out "\"\""
			text = substr(text, RLENGTH + 1)
		} else if (match(text, /^'([^'\\]|\\.)*'/)) {
			out = out "' '"
			text = substr(text, RLENGTH + 1)
		} else if (text ~ /^\/\*/) {
			comment = 1
			text = substr(text, 3)
		} else if (text ~ /^\/\//) {
			text = ""
		} else {
			out = out substr(text, 1, 1)
			text = substr(text, 2)
		}
	}
	if (out ~ /[^ \t]/)
		print FILENAME ":" FNR ":" out
}
