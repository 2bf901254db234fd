#!/bin/sh
# Lists the largest files of the workspace, then tries to leave it.
# Run it with: sandboxed-run examples/largest.sh
set -u

echo "largest files here:"
find . -name .git -prune -o -type f -printf '%s\t%P\n' | sort -rn | head -5

echo "HOME is $HOME, and holds $(ls -A "$HOME" | wc -l) entries"

# A private place: allowed, and gone afterwards.
echo draft >/tmp/draft && echo "wrote /tmp/draft"

# Not granted: fails here, and the end of the run says what would allow it.
if ! cat /etc/shadow >/dev/null; then
  echo "could not read /etc/shadow"
fi
