/*
 * replay: runs a fuzz target without libFuzzer: over each file of the corpus, then over so many
 * mutations of them. The mutations are the same on every machine and at every run, so that a
 * failure in the suite is a failure at the desk; the input that failed is in ./crash-NAME.
 *
 *   replay_wire [-runs=N] FILE|FOLDER…
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

enum { INPUTS_MAX = 1024, INPUT_LEN_MAX = 1 << 20, MUTATED_LEN_MAX = 4096 };

struct input {
	uint8_t *data;
	size_t len;
};

static struct input inputs[INPUTS_MAX];
static size_t input_count;
static struct input running; /* for the crash file */
static char crash_name[256];
static uint64_t random_state = 1;

static uint64_t draw(uint64_t below) /* xorshift64* */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * UINT64_C(0x2545F4914F6CDD1D) >> 16) % below;
}

/* Only calls that are safe in a signal handler. */
static void keep_crash(int signal_number)
{
	int fd = open(crash_name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd >= 0 && write(fd, running.data, running.len) == (ssize_t)running.len)
		close(fd);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void run(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1); /* a byte too far is found */
	if (!exact)
		abort();
	if (len)
		memcpy(exact, data, len);
	running = (struct input){exact, len};
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static bool load_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file || input_count == INPUTS_MAX) {
		fprintf(stderr, "%s: %s\n", path, file ? "too many inputs" : strerror(errno));
		return false;
	}
	uint8_t *data = malloc(INPUT_LEN_MAX);
	size_t len = data ? fread(data, 1, INPUT_LEN_MAX, file) : 0;
	fclose(file);
	if (!data)
		return false;
	inputs[input_count++] = (struct input){data, len};
	return true;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool load(const char *path)
{
	struct stat status;
	struct dirent **names;
	if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
		return load_file(path);
	int count =
		scandir(path, &names, visible, alphasort); /* sorted: the same order everywhere */
	bool ok = count > 0;
	if (!ok)
		fprintf(stderr, "%s: no input there\n", path);
	for (int i = 0; i < count; i++) {
		char name[1024];
		snprintf(name, sizeof name, "%s/%s", path, names[i]->d_name);
		ok = load_file(name) && ok;
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return ok;
}

/* Room is MUTATED_LEN_MAX bytes; what does not fit is not done. */
static void insert(struct input *to, size_t at, const uint8_t *piece, size_t len)
{
	if (to->len + len > MUTATED_LEN_MAX)
		return;
	memmove(to->data + at + len, to->data + at, to->len - at);
	memcpy(to->data + at, piece, len);
	to->len += len;
}

static void mutate(struct input *input)
{
	static const uint8_t edges[] = {0,   1,	  0x7F, 0x80, 0xFF, '"', '\\', '{', '}', '[',
					']', ',', ':',	'0',  '9',  '-', 'e',  '.', ' ', 'u'};
	const struct input *other = &inputs[draw(input_count)];
	size_t at = draw(input->len + 1);
	size_t len = 1 + draw(16);
	uint8_t piece[512];
	switch (draw(6)) {
	case 0: /* flip a bit */
		if (at < input->len)
			input->data[at] ^= (uint8_t)(1U << draw(8));
		break;
	case 1: /* put an edge there */
		if (at < input->len)
			input->data[at] = edges[draw(sizeof edges)];
		break;
	case 2: insert(input, at, &edges[draw(sizeof edges)], 1); break;
	case 3: /* leave some bytes out */
		if (len > input->len - at)
			len = input->len - at;
		memmove(input->data + at, input->data + at + len, input->len - at - len);
		input->len -= len;
		break;
	case 4: /* say it again */
		if (len > input->len - at)
			len = input->len - at;
		memcpy(piece, input->data + at, len);
		insert(input, at, piece, len);
		break;
	default: /* a piece of another input */
		if (other->len) {
			size_t from = draw(other->len);
			len = 1 + draw(other->len - from);
			insert(input, at, other->data + from,
			       len < sizeof piece ? len : sizeof piece);
		}
	}
}

static void run_mutations(unsigned long runs)
{
	static uint8_t room[MUTATED_LEN_MAX];
	for (unsigned long i = 0; i < runs; i++) {
		const struct input *seed = &inputs[draw(input_count)];
		struct input input = {room,
				      seed->len < sizeof room / 2 ? seed->len : sizeof room / 2};
		memcpy(room, seed->data, input.len);
		for (uint64_t left = 1 + draw(4); left; left--)
			mutate(&input);
		run(input.data, input.len);
	}
}

int main(int argc, char **argv)
{
	static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
	unsigned long runs = 0;
	snprintf(crash_name, sizeof crash_name, "crash-%s", basename(argv[0]));
	for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
		signal(crashes[i], keep_crash);
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "-runs=", 6) == 0)
			runs = strtoul(argv[i] + 6, NULL, 10);
		else if (!load(argv[i]))
			return 1;
	}
	if (!input_count) {
		fprintf(stderr, "usage: %s [-runs=N] FILE|FOLDER…\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < input_count; i++)
		run(inputs[i].data, inputs[i].len);
	run_mutations(runs);
	printf("%zu inputs, %lu mutations\n", input_count, runs);
	for (size_t i = 0; i < input_count; i++)
		free(inputs[i].data);
	return 0;
}
