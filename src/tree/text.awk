# A text file as C: -v name=NAME.
BEGIN { print "extern const char " name "[];\nconst char " name "[] =" }
{
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	gsub(/\?/, "\\?") # no trigraphs
	print "\t\"" $0 "\\n\""
}
END { print "\t\"\";" }
