declare const absolute: unique symbol;

/** An absolute path without NUL, `.`, `..`, doubled or trailing slashes. Made by `absolutePath` alone. */
export type AbsolutePath = string & { readonly [absolute]: true };
