/* Instructions: NUL-terminated strings in a file. See PROTOCOL.md, "Instructions". */
#ifndef SANDBOX_RECORDS_H
#define SANDBOX_RECORDS_H

#include <stdbool.h>

/* Reads the whole file; on an error the program ends with `failed instructions`. */
void records_read(int fd);

/* The name of the next record, NULL at the end. The strings live as long as the program. */
const char *record_name(void);

/* The next argument of the current record; its absence ends the program. */
const char *record_word(void);

/* The same as a number of decimal digits, nothing else, not over `largest`. */
unsigned long long record_number(unsigned long long largest);

/* The same as one of a fixed set of words; gives its place in the NULL-terminated list. */
int record_choice(const char *const words[]);

/* The same as an absolute path. */
const char *record_path(void);

/* Ends the program: the instructions are wrong at `what`. */
_Noreturn void records_refuse(const char *what);

bool read_number(const char *word, unsigned long long largest, unsigned long long *number);

#endif
