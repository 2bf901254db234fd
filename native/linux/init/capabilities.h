#ifndef SANDBOX_CAPABILITIES_H
#define SANDBOX_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the bounding set empty and exec as uid 0 worth nothing. Needs CAP_SETPCAP; true without it is a lie. */
bool capabilities_unbind(void);

/* Effective and permitted become `keep` (bits below 32), the rest empty; read back. */
bool capabilities_keep(uint32_t keep);

/* No set holds anything, nor can anything come back; the bounding set too if `bounding`. */
bool capabilities_are_gone(bool bounding);

#endif
