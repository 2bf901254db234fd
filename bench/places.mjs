// Where a policy of a benchmark is resolved: a machine with nothing on it but a home and a workspace.
export function places(home, cwd) {
  return {
    home,
    cwd,
    workspaceRoots: [cwd],
    tmpdir: null,
    minimal: [],
    toolchains: [],
    toolState: [],
    protectedPaths: [],
    canonical: (path) => path,
  };
}
