/* config: settings in force become fresh ones, but for what cannot change while mounted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/config.h"

static const char *const before[] = { "library.path=/tmp/a", "library.state=/tmp/b",
				      "limits.daily_images=3", "images.list_pending=yes",
				      "defaults.seed=1" };
static const char *const after[] = { "library.path=/tmp/c", "library.state=/tmp/b",
				     "limits.daily_images=5", "images.list_pending=no",
				     "defaults.seed=2" };

static struct settings *load(const char *const *overrides)
{
	const struct config_sources from = { .overrides = overrides,
					     .n_overrides = 5,
					     .demo = true };
	struct settings *s;
	struct error err;

	unsetenv("PIMAGEFS_CONFIG");
	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	if (config_load(&s, &from, &err) < 0)
		fail_msg("%s", err.message);
	return s;
}

static void what_can_change_does(void **state)
{
	struct settings *s = load(before), *fresh = load(after);
	struct buf kept = BUF_INIT;
	char *key = s->api.key;

	(void)state;
	assert_int_equal(settings_renew(s, fresh, &kept), 0);
	assert_string_equal(kept.data, "images.list_pending, library.path");
	assert_string_equal(s->library.path, "/tmp/a");
	assert_true(s->images.list_pending);
	assert_int_equal(s->limits.daily_images, 5);
	assert_string_equal(s->defaults[0].value, "2");
	assert_string_equal(fresh->defaults[0].value, "1");
	assert_ptr_equal(s->api.key, key); /* the demo's own */
	settings_free(fresh);
	settings_free(s);
	buf_release(&kept);
}

static void without_memory_nothing_does(void **state)
{
	struct settings *s = load(before);
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct settings *fresh = load(after);
		struct buf kept = BUF_INIT;
		int r;

		oom_fail_once(n);
		r = settings_renew(s, fresh, &kept);
		failed = oom_off();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		assert_int_equal(s->limits.daily_images, r == 0 ? 5 : 3);
		settings_free(fresh);
		buf_release(&kept);
	}
	settings_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_change_does),
		cmocka_unit_test(without_memory_nothing_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
