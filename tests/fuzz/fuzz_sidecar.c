/* Sidecars of the library, read back when the database is lost: anybody may have written them. What
 * is taken can be written and read again, and says the same. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "pimagefs/names.h"
#include "pimagefs/sidecar.h"
#include "pimagefs/utf8.h"

static void check_id(const char *id)
{
	size_t size = strlen(id);

	promise(size >= 1 && size <= NAMES_PATH_MAX);
	promise(id[0] != '/' && id[size - 1] != '/' && !strstr(id, "//"));
	promise(strncmp(id, "../", 3) != 0 && !strstr(id, "/../"));
	promise(utf8_valid(id, size) && !utf8_has_control(id, size));
}

static void check(const struct job *job)
{
	check_id(job->id);
	promise(job->state == JOB_READY && job->number == 0);
	promise(job->created_ms >= 0 && job->completed_ms >= 0);
	promise(job->picture.kind == PICTURE_NONE ||
		(job->picture.width && job->picture.height && job->picture_bytes > 0 &&
		 strlen(job->sha256) == DIGEST_HEX - 1));
	if (job->part)
		promise(strrchr(job->id, '/') && atoll(strrchr(job->id, '/') + 1) == job->part);
	if (job->prediction_id)
		promise(job->prediction_id[0] && strlen(job->prediction_id) <= 1024);
}

static void check_again(const struct job *job)
{
	char *text = sidecar_text(job), *second;
	struct job *again;

	promise(text != NULL);
	promise(sidecar_read(text, strlen(text), &again) == 0);
	second = sidecar_text(again);
	promise(second && strcmp(text, second) == 0);
	job_free(again);
	free(second);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct job *job = NULL;
	int r = sidecar_read((const char *)bytes, size, &job);

	promise(r == 0 || r == -EINVAL || r == -ENOMEM);
	promise((r == 0) == (job != NULL));
	if (job) {
		check(job);
		check_again(job);
		job_free(job);
	}
	return 0;
}
