/* Pictures of the network. */
#include "fuzz.h"

#include <errno.h>

#include "pimagefs/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct picture p = { 0 };
	int r = picture_check(bytes, size, &p);

	promise(r == 0 || r == -EILSEQ || r == -ENODATA);
	if (r == 0) {
		promise(p.kind != PICTURE_NONE && p.width > 0 && p.height > 0);
		promise(picture_kind_of_mime(picture_mime(p.kind)) == p.kind);
	}
	return 0;
}
