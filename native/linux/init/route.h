#ifndef SANDBOX_ROUTE_H
#define SANDBOX_ROUTE_H

/*
 * Makes every address, IPv4 and IPv6, one of this namespace's own: what connects anywhere arrives at a listener here,
 * or is refused at once. Needs CAP_NET_ADMIN and a loopback that is up; an error ends the program.
 */
void route_all(void);

#endif
