#define _GNU_SOURCE
#include "records.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "control.h"

enum { LARGEST = 1 << 20 };

static char text[LARGEST + 1];
static size_t at, end;

void records_read(int fd)
{
	/* pread: the descriptor's offset is shared with whoever wrote the file. */
	for (;;) {
		ssize_t got = pread(fd, text + end, sizeof text - end, (off_t)end);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			fail("instructions", errno, "read");
		if (got == 0)
			break;
		end += (size_t)got;
		if (end > LARGEST)
			fail("instructions", E2BIG, "over 1 MiB");
	}
	if (end == 0 || text[end - 1] != '\0')
		fail("instructions", EINVAL, "cut off");
	/* A cut between two records shows in nothing else. */
	if (strcmp(record_word(), "length") != 0)
		fail("instructions", EINVAL, "no length");
	unsigned long long length = record_number(LARGEST);
	if (length != end - at)
		fail("instructions", EINVAL, "cut off");
}

const char *record_name(void)
{
	return at == end ? NULL : record_word();
}

const char *record_word(void)
{
	if (at == end)
		fail("instructions", EINVAL, "an argument is missing");
	const char *word = text + at;
	at += strlen(word) + 1;
	return word;
}

bool read_number(const char *word, unsigned long long largest, unsigned long long *number)
{
	unsigned long long value = 0;
	if (*word == '\0')
		return false;
	for (; *word != '\0'; word++) {
		if (*word < '0' || *word > '9')
			return false;
		unsigned digit = (unsigned)(*word - '0');
		if (value > (largest - digit) / 10 || digit > largest)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

unsigned long long record_number(unsigned long long largest)
{
	unsigned long long value;
	const char *word = record_word();
	if (!read_number(word, largest, &value))
		records_refuse(word);
	return value;
}

int record_choice(const char *const words[])
{
	const char *word = record_word();
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	records_refuse(word);
}

const char *record_path(void)
{
	const char *path = record_word();
	if (path[0] != '/')
		records_refuse(path);
	return path;
}

void records_refuse(const char *what)
{
	fail("instructions", EINVAL, what);
}
