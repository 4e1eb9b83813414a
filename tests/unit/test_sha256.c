/* SHA-256 against the digests that FIPS 180-4 and sha256sum give. */
#include "base/sha256.h"
#include "lib/test.h"

static const char *hex_of(const uint8_t *digest)
{
	static char text[2 * SHA256_BYTES + 1];
	for (int i = 0; i < SHA256_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

TEST(sha256_gives_the_published_digests)
{
	static const char TWO_BLOCKS[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t digest[SHA256_BYTES];
	sha256_of("", 0, digest);
	CHECK_STR(hex_of(digest),
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_of("abc", 3, digest);
	CHECK_STR(hex_of(digest),
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_of(TWO_BLOCKS, strlen(TWO_BLOCKS), digest);
	CHECK_STR(hex_of(digest),
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(sha256_does_not_depend_on_how_the_bytes_come)
{
	uint8_t bytes[300], whole[SHA256_BYTES], parts[SHA256_BYTES];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		struct sha256 sha256;
		sha256_of(bytes, len, whole);
		sha256_init(&sha256);
		for (size_t at = 0, n; at < len; at += n) {
			n = at % 67 + 1 < len - at ? at % 67 + 1 : len - at;
			sha256_update(&sha256, bytes + at, n);
		}
		sha256_final(&sha256, parts);
		CHECK(memcmp(whole, parts, sizeof whole) == 0);
	}
}

TEST(sha256_takes_a_million_letters)
{
	struct sha256 sha256;
	uint8_t digest[SHA256_BYTES];
	char letters[1000];
	memset(letters, 'a', sizeof letters);
	sha256_init(&sha256);
	for (int i = 0; i < 1000; i++)
		sha256_update(&sha256, letters, sizeof letters);
	sha256_final(&sha256, digest);
	CHECK_STR(hex_of(digest),
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_MAIN(CASE(sha256_gives_the_published_digests),
	  CASE(sha256_does_not_depend_on_how_the_bytes_come), CASE(sha256_takes_a_million_letters))
