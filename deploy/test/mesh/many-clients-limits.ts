/** Settings of a server whose thousands of clients all come from this machine's one address. */
export const CROWD_LIMITS = {
  limits: {
    initializePerAddress: { requests: 0 },
    sessionsPerAddress: 0,
    sessionsPerPrincipal: 0,
    callsPerSession: 0,
    unusedSessionSeconds: 0,
    callsPerClientPercent: 100,
  },
};
