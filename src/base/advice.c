/*
 * advice: what a person can do about an error, as a value, worded here for all.
 *
 * Who finds an error picks the advice; status/ and .error.txt ask for the sentence when they are
 * read, for only there the id of the request is at hand. The names are kept in the state database
 * and never change.
 */
#include "pimagefs/advice.h"

#include <stdbool.h>
#include <string.h>

#include "pimagefs/buf.h"

struct row {
	const char *name, *text;
	bool retry; /* the command that asks again follows */
};

static const struct row rows[ADVICES] = {
	[ADVICE_NONE] = { "", "", false },
	[ADVICE_WAIT] = { "wait", "nothing to do: it is tried again", false },
	[ADVICE_QUEUED] = { "queued", "nothing to do: it waits in the queue", false },
	[ADVICE_RETRY] = { "retry", "to ask again: ", true },
	[ADVICE_RETRY_MAY_HELP] = { "retry-may-help",
				    "the service says that trying again may help: ", true },
	[ADVICE_RETRY_UNCERTAIN] = { "retry-uncertain",
				     "it may have been made and billed; to send it again: ", true },
	[ADVICE_LOOK_FIRST] = { "look-first",
				"see your predictions at https://www.eachlabs.ai first; "
				"to ask again: ",
				true },
	[ADVICE_GO_ON] = { "go-on", "it is paid for; to go on with it: ", true },
	[ADVICE_DOWNLOAD_AGAIN] = { "download-again",
				    "it is paid for; to download it again: ", true },
	[ADVICE_FETCH_LOST] = { "fetch-lost",
				"to download it again (it is made anew only where the service "
				"has it no more): ",
				true },
	[ADVICE_NEW_PICTURE] = { "new-picture", "to ask for a new picture: ", true },
	[ADVICE_SEND] = { "send", "write it again, or, to send it as it is: ", true },
	[ADVICE_CORRECT] = { "correct", "correct the request and write it again", false },
	[ADVICE_SHORTEN] = { "shorten", "shorten the prompt and write it again", false },
	[ADVICE_CHANGE] = { "change", "change the prompt and write it again", false },
	[ADVICE_KEY] = { "key",
			 "put a valid key into the file that [api] key_file names "
			 "(or EACHLABS_API_KEY), unmount and mount again, "
			 "then: echo retry failed > control/ctl",
			 false },
	[ADVICE_PAY] = { "pay",
			 "add balance at https://www.eachlabs.ai, "
			 "then: echo retry failed > control/ctl",
			 false },
	[ADVICE_BUDGET] = { "budget",
			    "it is sent after midnight; to lift the budget for the rest of today: "
			    "echo resume > control/ctl",
			    false },
	[ADVICE_RESUME] = { "resume", "to go on: echo resume > control/ctl", false },
	[ADVICE_MODEL] = { "model", "check [model] slug and [api] base_url in the settings",
			   false },
	[ADVICE_SIGN_IN] = { "sign-in",
			     "sign in to the network if it asks for that, or check [api] base_url",
			     false },
	[ADVICE_PROXY] = { "proxy",
			   "put user and password into the address in https_proxy, "
			   "then mount again",
			   false },
	[ADVICE_CERTIFICATE] = { "certificate",
				 "if your network signs certificates itself, name its authority's "
				 "file in [api] ca_file and mount again; else check the clock and "
				 "[api] base_url",
				 false },
	[ADVICE_LARGER] = { "larger", "if it is larger than [limits] max_image_bytes, raise that",
			    false },
	[ADVICE_LINK] = { "link",
			  "links must be https and public, unless [api] base_url is on loopback",
			  false },
	[ADVICE_ROOM] = { "room", "see that the library's disk has room", false },
	[ADVICE_ROOM_AGAIN] = { "room-again", "it is downloaded when there is room again", false },
	[ADVICE_LITERAL] = { "literal",
			     "correct it and write it again; a plain prompt that begins so is "
			     "written with \\{ at its beginning",
			     false },
};

static const struct row *row_of(enum advice advice)
{
	return &rows[(unsigned)advice < ADVICES ? advice : ADVICE_NONE];
}

int advice_text(enum advice advice, const char *id, struct buf *out)
{
	const struct row *row = row_of(advice);

	if (!row->retry)
		return buf_puts(out, row->text);
	return buf_printf(out, "%secho 'retry %s' > control/ctl", row->text,
			  id && !strchr(id, '\'') ? id : "ID");
}

const char *advice_name(enum advice advice)
{
	return row_of(advice)->name;
}

enum advice advice_of_name(const char *name)
{
	for (int i = ADVICE_NONE + 1; i < ADVICES; i++)
		if (strcmp(rows[i].name, name) == 0)
			return (enum advice)i;
	return ADVICE_NONE;
}
