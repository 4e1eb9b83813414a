/* Base64 both ways: RFC 4648's own vectors, every length, and what is not base64. */
#include "api/codec/base64.h"

#include "lib/test.h"

static const struct {
	const char *plain, *encoded, *unpadded;
} VECTORS[] = {
	{"", "", ""},
	{"f", "Zg==", "Zg"},
	{"fo", "Zm8=", "Zm8"},
	{"foo", "Zm9v", "Zm9v"},
	{"foob", "Zm9vYg==", "Zm9vYg"},
	{"fooba", "Zm9vYmE=", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	{"\xFB\xFF", "+/8=", "+/8"},
};

static void check_encoded(const char *plain, enum base64_form form, const char *want)
{
	char out[32];
	size_t len = base64_encoded_len(strlen(plain), form);
	CHECK_INT(len, ==, strlen(want));
	memset(out, '#', sizeof out);
	base64_encode(plain, strlen(plain), form, out);
	CHECK_INT(out[len], ==, '#');
	out[len] = '\0';
	CHECK_STR(out, want);
}

static void check_decoded(const char *text, const char *want)
{
	uint8_t out[32];
	size_t len;
	if (!base64_decode(text, strlen(text), out, &len))
		test_fail(__FILE__, __LINE__, "%s: refused at %zu", text, len);
	CHECK_INT(len, ==, strlen(want));
	CHECK(memcmp(out, want, len) == 0);
}

TEST(base64_does_the_vectors_of_the_rfc)
{
	for (size_t i = 0; i < sizeof VECTORS / sizeof *VECTORS; i++) {
		check_encoded(VECTORS[i].plain, BASE64_STANDARD, VECTORS[i].encoded);
		check_encoded(VECTORS[i].plain, BASE64_STANDARD_UNPADDED, VECTORS[i].unpadded);
		check_decoded(VECTORS[i].encoded, VECTORS[i].plain);
		check_decoded(VECTORS[i].unpadded, VECTORS[i].plain);
	}
	check_encoded("\xFB\xFF", BASE64_URL_UNPADDED, "-_8");
	check_decoded("-_8", "\xFB\xFF");
	check_decoded("-_8=", "\xFB\xFF");
}

TEST(base64_comes_back_the_same_at_every_length)
{
	uint8_t plain[100], back[100];
	char text[140];
	for (size_t len = 0; len <= sizeof plain; len++) {
		for (size_t i = 0; i < len; i++)
			plain[i] = (uint8_t)(i * 89 + len);
		for (enum base64_form form = BASE64_STANDARD; form <= BASE64_URL_UNPADDED; form++) {
			size_t n;
			base64_encode(plain, len, form, text);
			CHECK(base64_decode(text, base64_encoded_len(len, form), back, &n));
			CHECK_INT(n, ==, len);
			CHECK(memcmp(plain, back, len) == 0);
		}
	}
}

TEST(base64_decodes_in_place)
{
	char text[] = "Zm9vYmFy";
	size_t len;
	CHECK(base64_decode(text, 8, (uint8_t *)text, &len));
	CHECK(len == 6 && memcmp(text, "foobar", 6) == 0);
}

TEST(base64_refuses_what_has_no_one_meaning)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {
		{"A", 0},      {"AAAAA", 4},	  {"=", 0},	{"====", 0},	 {"A===", 1},
		{"Zg=", 2},    {"Zg===", 2},	  {"Zm8==", 3}, {"Zg==Zg==", 2}, {"Z g=", 1},
		{"Zg==\n", 2}, {"Zm9*", 3},	  {"Zh", 1}, /* bits behind the last byte */
		{"Zm9", 2},    {"Z\xC3\xA9g", 1},
	};
	uint8_t out[32];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t at;
		if (base64_decode(bad[i].text, strlen(bad[i].text), out, &at))
			test_fail(__FILE__, __LINE__, "taken: %s", bad[i].text);
		if (at != bad[i].offset)
			test_fail(__FILE__, __LINE__, "%s: fault told at %zu", bad[i].text, at);
	}
}

TEST_MAIN(CASE(base64_does_the_vectors_of_the_rfc),
	  CASE(base64_comes_back_the_same_at_every_length), CASE(base64_decodes_in_place),
	  CASE(base64_refuses_what_has_no_one_meaning))
