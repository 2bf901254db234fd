/** What the product does within a second, with what other tests on the same processors may take of it: milliseconds. */
export const aSecond = 3000;
