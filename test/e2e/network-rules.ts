/** Where a rule lets somebody go, and where not. `url` is fetched by the proxy and past it. */
export interface Row {
  readonly rule: string;
  readonly words: readonly string[];
  /** Reached both ways. */
  readonly opens?: readonly string[];
  /** Reached neither way. */
  readonly shuts?: readonly string[];
}

/** A profile of one's own with these domains, in TOML. */
export const domains = (table: string): readonly string[] => [
  "-c",
  'permissions.mine.extends=":isolated"',
  "-c",
  `permissions.mine.network.domains=${table}`,
  "-P",
  "mine",
];

const allow = (...patterns: string[]): readonly string[] => patterns.flatMap((pattern) => ["--allow-domain", pattern]);
const deny = (...patterns: string[]): readonly string[] => patterns.flatMap((pattern) => ["--deny-domain", pattern]);

export const rows: readonly Row[] = [
  {
    rule: "a host",
    words: allow("good.test"),
    opens: ["http://good.test/", "http://GOOD.TEST/", "http://good.test./", "https://good.test/"],
    shuts: [
      "http://good.test:8080/",
      "http://api.good.test/",
      "http://evilgood.test/",
      "http://good.test.evil.test/",
      "http://goodxtest/",
      "http://93.184.215.14/",
    ],
  },
  {
    rule: "a host with a port",
    words: allow("good.test:8080"),
    opens: ["http://good.test:8080/"],
    shuts: ["http://good.test/", "https://good.test/", "https://good.test:8443/"],
  },
  {
    rule: "a host with a port for TLS",
    words: allow("good.test:8443"),
    opens: ["https://good.test:8443/"],
    shuts: ["https://good.test/"],
  },
  {
    rule: "subdomains",
    words: allow("*.good.test"),
    opens: ["http://api.good.test/", "http://deep.api.good.test/"],
    shuts: ["http://good.test/", "http://evilgood.test/", "http://other.test/"],
  },
  {
    rule: "a domain and its subdomains",
    words: allow("**.good.test"),
    opens: ["http://good.test/", "https://api.good.test/"],
    shuts: ["http://evilgood.test/", "http://good.test.evil.test/"],
  },
  {
    rule: "a denied subdomain",
    words: [...allow("**.good.test"), ...deny("api.good.test")],
    opens: ["http://good.test/", "http://deep.api.good.test/"],
    shuts: ["http://api.good.test/", "http://API.good.test./"],
  },
  {
    rule: "denied subdomains",
    words: [...allow("**.good.test"), ...deny("*.good.test")],
    opens: ["http://good.test/"],
    shuts: ["http://api.good.test/"],
  },
  {
    rule: "a denied port",
    words: [...allow("good.test", "good.test:8080"), ...deny("good.test:8080")],
    opens: ["http://good.test/"],
    shuts: ["http://good.test:8080/"],
  },
  {
    rule: "a denied block of addresses",
    words: [...allow("93.184.0.0/16"), ...deny("93.184.215.15")],
    opens: ["http://93.184.215.14/"],
    shuts: ["http://93.184.215.15/"],
  },
  {
    rule: "an address",
    words: allow("93.184.215.14"),
    opens: ["http://93.184.215.14/", "https://93.184.215.14/"],
    shuts: ["http://93.184.215.15/", "http://good.test/", "http://93.184.215.14:8080/"],
  },
  {
    rule: "a block of addresses",
    words: allow("93.184.215.0/24"),
    opens: ["http://93.184.215.14/", "http://93.184.215.15/"],
    shuts: ["http://10.1.2.3/", "http://169.254.169.254/", "http://good.test/"],
  },
  {
    rule: "a name whose address is private",
    words: allow("inside.test"),
    shuts: ["http://inside.test/", "http://10.1.2.3/"],
  },
  {
    rule: "a name that may be private",
    words: domains('{ "inside.test" = { access = "allow", resolve_to = ["10.0.0.0/8"] } }'),
    opens: ["http://inside.test/"],
    shuts: ["http://10.1.2.3/"],
  },
  {
    rule: "a name that may be private, elsewhere",
    words: domains('{ "inside.test" = { access = "allow", resolve_to = ["10.2.0.0/16"] } }'),
    shuts: ["http://inside.test/"],
  },
  { rule: "a private address", words: allow("10.1.2.3"), opens: ["http://10.1.2.3/"], shuts: ["http://inside.test/"] },
  { rule: "a name in the hosts file", words: allow("listed.test"), opens: ["http://listed.test/"] },
  {
    rule: "names that lead somewhere private, one way or another",
    words: allow("loop.test", "mixed.test", "mapped.test", "wrapped.test", "alias-inside.test", "listed-inside.test"),
    shuts: [
      "http://loop.test/",
      "http://mixed.test/",
      "http://mapped.test/",
      "http://wrapped.test/",
      "http://alias-inside.test/",
      "http://listed-inside.test/",
    ],
  },
  { rule: "a name that is another's", words: allow("alias.test"), opens: ["http://alias.test/"] },
  { rule: "a name with IPv6 alone", words: allow("six.test"), opens: ["http://six.test/"] },
  {
    rule: "the metadata service, by names",
    words: domains(
      '{ "cloud.test" = { access = "allow", resolve_to = ["169.254.0.0/16"] }, "metadata.google.internal" = { access = "allow", resolve_to = ["169.254.0.0/16"] } }',
    ),
    shuts: ["http://cloud.test/", "http://metadata.google.internal/", "http://169.254.169.254/"],
  },
  {
    rule: "the metadata service, by a block",
    words: domains('{ "169.254.0.0/16" = "allow" }'),
    shuts: ["http://cloud.test/"],
  },
  { rule: "the metadata service, by its address", words: allow("169.254.169.254"), opens: ["http://169.254.169.254/"] },
  {
    rule: "the host's loopback",
    words: allow("127.0.0.1:8080"),
    opens: ["http://127.0.0.1:8080/"],
    shuts: ["http://loop.test:8080/", "http://127.0.0.2:8080/"],
  },
  {
    rule: "every address",
    words: allow("0.0.0.0/0"),
    opens: ["http://93.184.215.14/"],
    shuts: [
      "http://10.1.2.3/",
      "http://169.254.169.254/",
      "http://100.100.100.200/",
      "http://127.0.0.1/",
      "http://good.test/",
    ],
  },
  {
    rule: "every address of IPv6",
    words: allow("::/0"),
    opens: ["http://[2606:2800:21f::1]/"],
    shuts: [
      "http://[64:ff9b::a01:203]/",
      "http://[fd00:ec2::254]/",
      "http://[::1]/",
      "http://[::ffff:10.1.2.3]/",
      "http://93.184.215.14/",
      "http://[::ffff:93.184.215.14]/",
    ],
  },
  { rule: "nothing, as an empty table", words: domains("{}"), shuts: ["http://good.test/"] },
];

/** Patterns that would open more than somebody meant. */
export const overWide = ["*", "*.com", "*.co.uk", "*.github.io", "good*", "*.*.test", "**", "", " "];
