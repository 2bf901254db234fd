/*
 * Puts a seccomp program to the test.
 *
 *   seccomp-probe calls FILTER|-        makes the calls listed on standard input, each in a process and folder of its own
 *   seccomp-probe run FILTER|- ARG...   runs a program
 *
 * A call is a line of words separated by tabs: its name, "native" or "i386", its number, up to six arguments. An argument
 * is a number, "=text" (a path), "@tty" (a descriptor of a terminal), "@file" (of the file "file") or "@memory" (the
 * address of a page of zeroes). The answer is a line too: name, errno or 0, bytes waiting in the terminal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct instruction { unsigned short code; unsigned char jt, jf; unsigned int k; };
struct program { unsigned short length; const struct instruction *instructions; };

static struct instruction loaded[4096];
static struct program filter;
static unsigned char memory[4096] __attribute__((aligned(4096)));

static void fail(const char *what)
{
	fprintf(stderr, "seccomp-probe: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void read_filter(const char *path)
{
	if (strcmp(path, "-") == 0)
		return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, loaded, sizeof loaded);
	if (size <= 0 || size % (ssize_t)sizeof loaded[0] != 0)
		fail(path);
	close(fd);
	filter.length = (unsigned short)((size_t)size / sizeof loaded[0]);
	filter.instructions = loaded;
}

static void install_filter(void)
{
	const unsigned long mode_filter = 2;
	if (filter.length == 0)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, mode_filter, &filter) != 0)
		fail("the kernel takes no filter");
}

/* A raw terminal that becomes the controlling one, so that typing into it is allowed as far as the kernel is asked. */
static int open_terminal(void)
{
	int host = posix_openpt(O_RDWR | O_NOCTTY);
	if (host < 0 || grantpt(host) != 0 || unlockpt(host) != 0)
		fail("pty");
	int terminal = open(ptsname(host), O_RDWR);
	struct termios raw;
	if (terminal < 0 || tcgetattr(terminal, &raw) != 0)
		fail("terminal");
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(terminal, TCSANOW, &raw);
	return terminal;
}

/* On i386's terms: 32-bit arguments, that architecture's numbers. Returns -errno like the kernel. */
static long call_i386(long number, const long *argument)
{
#ifdef __x86_64__
	long result = number;
	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"(argument[0]), "c"(argument[1]), "d"(argument[2]), "S"(argument[3]), "D"(argument[4])
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)result;
#else
	(void)number, (void)argument;
	return -ENOSYS;
#endif
}

static long parse_argument(char *word, int *terminal)
{
	if (word[0] == '=')
		return (long)(intptr_t)(word + 1);
	if (strcmp(word, "@memory") == 0)
		return (long)(intptr_t)memory;
	if (strcmp(word, "@file") == 0)
		return open("file", O_RDWR);
	if (strcmp(word, "@tty") == 0)
		return *terminal = open_terminal();
	return word[0] == '-' ? strtol(word, NULL, 0) : (long)strtoul(word, NULL, 0);
}

static void make_call(char *line, int place, int answer)
{
	char folder[32], *rest = line;
	long argument[6] = {0};
	int terminal = -1, waiting = 0;

	setsid();
	alarm(10);
	umask(0);
	snprintf(folder, sizeof folder, "%d", place);
	if (mkdir(folder, 0755) != 0 || chdir(folder) != 0 || close(open("file", O_CREAT | O_RDWR, 0644)) != 0)
		fail(folder);

	char *name = strtok_r(rest, "\t\n", &rest);
	char *kind = strtok_r(NULL, "\t\n", &rest);
	char *number = strtok_r(NULL, "\t\n", &rest);
	if (name == NULL || kind == NULL || number == NULL)
		fail("a line of too few words");
	for (int i = 0; i < 6; i++) {
		char *word = strtok_r(NULL, "\t\n", &rest);
		if (word == NULL)
			break;
		argument[i] = parse_argument(word, &terminal);
	}

	pid_t self = getpid();
	install_filter();
	errno = 0;
	long result, wanted = (long)strtoul(number, NULL, 0);
	if (strcmp(kind, "i386") == 0) {
		result = call_i386(wanted, argument);
		if (result < 0 && result > -4096)
			errno = (int)-result;
	} else {
		result = syscall(wanted, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
		if (result != -1)
			errno = 0;
	}
	int error = errno;
	if (getpid() != self)
		_exit(0);
	if (terminal >= 0)
		ioctl(terminal, FIONREAD, &waiting);
	dprintf(answer, "%s\t%d\t%d\n", name, error, waiting);
	_exit(0);
}

static int make_calls(void)
{
	static char line[4096];
	for (int place = 0; fgets(line, sizeof line, stdin) != NULL; place++) {
		pid_t child = fork();
		if (child == 0)
			make_call(line, place, STDOUT_FILENO);
		int status = 0;
		if (child < 0 || waitpid(child, &status, 0) != child)
			fail("fork");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			printf("%s\tdied\t%d\n", strtok(line, "\t"), status), fflush(stdout);
	}
	return 0;
}

int main(int count, char **words)
{
	if (count == 3 && strcmp(words[1], "calls") == 0) {
		read_filter(words[2]);
		return make_calls();
	}
	if (count >= 4 && strcmp(words[1], "run") == 0) {
		read_filter(words[2]);
		install_filter();
		execvp(words[3], words + 3);
		fail(words[3]);
	}
	fprintf(stderr, "usage: seccomp-probe calls FILTER|- | run FILTER|- PROGRAM [ARG...]\n");
	return 125;
}
